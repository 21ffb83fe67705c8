/** Numbers from 0 up to 1 (mulberry32): the same seed gives the same documents on every machine. */
export type Random = () => number;

export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}

const spaces = ['', '', '', ' ', '\n', '\t', '\r\n', '  '];
const scalars = ['0', '-0', '12', '-1.5', '1e5', '2E-3', '0.25e+1', 'true', 'false', 'null'];
const fragments = [
  ...['a', 'Z', ' ', '{', '}', '[', ']', ',', ':', '1', 'é', '€', '😀', '\u2028'],
  ...['\\"', '\\\\', '\\/', '\\n', '\\u0000', '\\u20ac', '\\ud83d\\ude00', '\\ud800', '\\u0022', '\\u005c'],
];
const keys = ['"a"', '"b"', '""', '"\\u0061"', '"é"', '"j\\u006fb"', '"x\\"y"', '"}"'];

function space(random: Random): string {
  return pick(random, spaces);
}

function many(random: Random, most: number, item: () => string): string {
  return Array.from({ length: below(random, most + 1) }, () => space(random) + item() + space(random)).join(
    ',',
  );
}

function string(random: Random): string {
  return `"${Array.from({ length: below(random, 6) }, () => pick(random, fragments)).join('')}"`;
}

/** The text of a random JSON value, with white space wherever it is allowed. */
function valueText(random: Random, depth = 4): string {
  const kind = below(random, depth > 0 ? 6 : 3);
  if (kind < 2) return pick(random, scalars);
  if (kind === 2) return string(random);
  return kind === 3 ? arrayText(random, depth - 1) : objectText(random, depth - 1);
}

export function arrayText(random: Random, depth = 4): string {
  return `[${many(random, 4, () => valueText(random, depth)) || space(random)}]`;
}

export function objectText(random: Random, depth = 4, names = keys): string {
  return `{${many(random, 3, () => memberText(random, pick(random, names), valueText(random, depth))) || space(random)}}`;
}

function memberText(random: Random, name: string, value: string): string {
  return `${name}${space(random)}:${space(random)}${value}`;
}

/** The text of an object that usually has one array `jobs`, among members whose names may repeat. */
export function envelopeText(random: Random): string {
  const member = () => memberText(random, pick(random, keys), valueText(random, 2));
  const members = Array.from({ length: below(random, 3) }, member);
  const jobs = random() < 0.8 ? arrayText(random, 3) : valueText(random, 2);
  if (random() < 0.9) {
    const name = pick(random, ['"jobs"', '"j\\u006fbs"']);
    members.splice(below(random, members.length + 1), 0, memberText(random, name, jobs));
  }
  const padded = members.map((one) => space(random) + one + space(random));
  return `${space(random)}{${padded.join(',') || space(random)}}${space(random)}`;
}

/** The bytes split at random: whole, in halves, in single bytes, or otherwise. */
export function cut(random: Random, bytes: Buffer): Buffer[] {
  const longest = pick(random, [1, 2, 5, 20, bytes.length + 1]);
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + 1 + below(random, longest);
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

const insertions = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '1',
  '-',
  'n',
  '\u0001',
  '\ufeff',
  'é',
  '\\u',
];

/** The bytes with one small damage: a byte lost, added, replaced, doubled, or cut off. */
export function damage(random: Random, bytes: Buffer): Buffer {
  const at = below(random, bytes.length + 1);
  const next = Math.min(bytes.length, at + 1 + below(random, 3));
  const inserted = random() < 0.1 ? Buffer.of(below(random, 256)) : Buffer.from(pick(random, insertions));
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (below(random, 5)) {
    case 0:
      return Buffer.concat([head, bytes.subarray(next)]);
    case 1:
      return Buffer.concat([head, inserted, tail]);
    case 2:
      return Buffer.concat([head, inserted, bytes.subarray(next)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, next), tail]);
    default:
      return Buffer.from(head);
  }
}
