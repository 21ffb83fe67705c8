/** Random mutations of valid params, the same in every run. */

export type Random = () => number;

/** Numbers from 0 to 1 (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** JSON texts in the place of a value. */
const VALUES = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e308',
  '1e400',
  '9007199254740993',
  '123456789012345678901234567890',
  '""',
  '"__ISNULL__"',
  '"\\u0000"',
  '"\\ud83d"',
  '"%_\\\\\\u0027;--"',
  '"2026-02-30 00:00:00"',
  `"${'x'.repeat(5000)}"`,
  '[]',
  '{}',
  '{"__proto__":{"a":1}}',
  '[[1]]',
  `${'['.repeat(600)}${']'.repeat(600)}`,
];
const NAMES = ['__proto__', 'constructor', 'toString', 'id', 'filter', 'title__LIKE', 'a\u0000b', ''];
/** Texts in the place of the whole body. */
const BODIES = ['', ' ', 'null', '[]', '"a"', '1', '{', '{}}', '{"id":1,"id":"2"}', '{"id":01}', '\u0000'];

/** The body of a request: the params with one to three changes, or no params at all. */
export function mutated(params: object, random: Random): string {
  if (random() < 0.08) return pick(BODIES, random);
  let members = Object.entries(params).map(([name, value]): [string, string] => [
    name,
    JSON.stringify(value),
  ]);
  const changes = Math.floor(random() * 3) + 1;
  for (let n = 0; n < changes; n++) members = changed(members, random);
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

function changed(members: [string, string][], random: Random): [string, string][] {
  const at = Math.floor(random() * members.length);
  const how = random();
  if (how < 0.2) return members.filter((_, index) => index !== at);
  if (how < 0.4) return [...members, [pick(NAMES, random), pick(VALUES, random)]];
  return members.map(([name, value], index) =>
    index === at ? [name, changedValue(value, random)] : [name, value],
  );
}

/** Another value, or a member or an element that is one. */
function changedValue(value: string, random: Random): string {
  const nested: unknown = random() < 0.5 ? parsed(value) : undefined;
  if (Array.isArray(nested)) return `[${pick(VALUES, random)}]`;
  if (typeof nested === 'object' && nested !== null) return mutated(nested, random) || '{}';
  return pick(VALUES, random);
}

/** Undefined for a value that an earlier change made unreadable. */
function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[Math.floor(random() * values.length)] as Value;
}
