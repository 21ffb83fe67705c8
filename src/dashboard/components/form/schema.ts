/** What a JSON Schema asks for, as far as a form can show it. The server checks the rest. */
import { isRawNumber } from '../../../json/raw-numbers.ts';

/** A part of a JSON Schema. */
export interface Schema {
  [keyword: string]: unknown;
}

type Kind = 'text' | 'number' | 'flag' | 'null' | 'choice' | 'list' | 'object' | 'any';

/** One way in which a value may be given. */
export interface Shape {
  kind: Kind;
  title: string;
  schema: Schema;
}

export type Members = Record<string, unknown>;

const KINDS: Record<string, Kind> = {
  string: 'text',
  integer: 'number',
  number: 'number',
  boolean: 'flag',
  null: 'null',
  array: 'list',
  object: 'object',
};
const TITLES: Record<Kind, string> = {
  text: 'Text',
  number: 'Number',
  flag: 'Yes or no',
  null: 'Null',
  choice: 'Choice',
  list: 'List',
  object: 'Object',
  any: 'JSON',
};
/** References may form a circle. */
const MAX_DEPTH = 16;

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/**
 * The ways in which a value may be given; more than one for alternatives and for several types.
 *
 * @param root the whole schema, which has what `$ref` names
 */
export function shapesOf(schema: unknown, root: Schema): Shape[] {
  const shapes = branchesOf(schema, root, 0);
  const named = shapes.map((shape, n) => {
    const isAlone = shapes.every((other) => other === shape || other.title !== shape.title);
    return isAlone ? shape : { ...shape, title: `${shape.title} ${n + 1}` };
  });
  return named.length > 0 ? named : [shapeOf('any', {})];
}

function branchesOf(schema: unknown, root: Schema, depth: number): Shape[] {
  const own = resolved(schema, root, depth);
  if (depth > MAX_DEPTH) return [shapeOf('any', own)];
  const { oneOf, anyOf, ...base } = own;
  const branches = (oneOf ?? anyOf) as unknown[] | undefined;
  if (Array.isArray(branches) && branches.some((branch) => saysKind(resolved(branch, root, depth))))
    return branches.flatMap((branch) =>
      branchesOf(merged(base, resolved(branch, root, depth)), root, depth + 1),
    );
  if ('const' in own || Array.isArray(own.enum)) return [shapeOf('choice', own)];
  const kinds = new Map(typesOf(own).map((type) => [KINDS[type] ?? 'any', type]));
  return [...kinds].map(([kind, type]) => shapeOf(kind, { ...own, type }));
}

function shapeOf(kind: Kind, schema: Schema): Shape {
  const title = typeof schema.title === 'string' ? schema.title : (markOf(schema) ?? TITLES[kind]);
  return { kind, title, schema };
}

/** The value of a member that tells alternatives apart, such as `{ type: { const: 'card' } }`. */
function markOf({ properties }: Schema): string | undefined {
  if (!isMembers(properties)) return undefined;
  const mark = Object.values(properties).find(
    (member) => isMembers(member) && typeof member.const === 'string',
  );
  return (mark as { const?: string } | undefined)?.const;
}

function saysKind(schema: Schema): boolean {
  return ['type', 'properties', 'items', 'enum', 'const', 'oneOf', 'anyOf'].some((name) => name in schema);
}

function typesOf({ type, properties, items, prefixItems }: Schema): string[] {
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type as string[];
  if (properties) return ['object'];
  return items || prefixItems ? ['array'] : ['any'];
}

/** Without `$ref` and `allOf`. */
function resolved(schema: unknown, root: Schema, depth: number): Schema {
  if (!isMembers(schema)) return {};
  const { $ref, allOf, ...own } = schema;
  if (depth > MAX_DEPTH) return own;
  const parts = [
    ...(typeof $ref === 'string' ? [referred($ref, root)] : []),
    ...(Array.isArray(allOf) ? allOf : []),
  ];
  return parts.reduce<Schema>((all, part) => merged(resolved(part, root, depth + 1), all), own);
}

function merged(first: Schema, second: Schema): Schema {
  const both = { ...first, ...second };
  if (first.properties && second.properties)
    both.properties = { ...(first.properties as Schema), ...(second.properties as Schema) };
  if (first.required && second.required)
    both.required = [...(first.required as string[]), ...(second.required as string[])];
  return both;
}

/** Only references within the schema: `#/$defs/name`. */
function referred(reference: string, root: Schema): unknown {
  if (!reference.startsWith('#')) return {};
  let part: unknown = root;
  for (const step of reference.split('/').slice(1)) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    part = (part as Schema | undefined)?.[name];
  }
  return part;
}

/** True when the field of the shape can show the value. */
export function fits({ kind, schema }: Shape, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    // A text that is not a number yet.
    case 'number':
      return isRawNumber(value) || typeof value === 'string';
    case 'flag':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    case 'list':
      return Array.isArray(value);
    case 'object':
      return isMembers(value) && hasMarks(schema, value);
    case 'choice':
      return choicesOf(schema).some((choice) => JSON.stringify(choice) === JSON.stringify(value));
    case 'any':
      return true;
  }
}

function hasMarks({ properties }: Schema, value: Members): boolean {
  return Object.entries((properties as Members | undefined) ?? {}).every(
    ([name, member]) =>
      !isMembers(member) ||
      !('const' in member) ||
      !(name in value) ||
      JSON.stringify(member.const) === JSON.stringify(value[name]),
  );
}

/** The allowed values of a choice. */
export function choicesOf(schema: Schema): unknown[] {
  return 'const' in schema ? [schema.const] : (schema.enum as unknown[]);
}

/** What a new value of the shape is; undefined where somebody must give it. */
export function firstValue({ kind, schema }: Shape): unknown {
  if ('default' in schema) return schema.default;
  switch (kind) {
    case 'null':
      return null;
    case 'list':
      return [];
    case 'object':
      return firstMembers(schema);
    case 'choice':
      return 'const' in schema ? schema.const : undefined;
    default:
      return undefined;
  }
}

function firstMembers({ properties }: Schema): Members {
  const fixed = Object.entries((properties as Members | undefined) ?? {}).filter(
    ([, member]) => isMembers(member) && 'const' in member,
  );
  return Object.fromEntries(fixed.map(([name, member]) => [name, (member as Schema).const]));
}

/** Formats that people know. */
const FORMATS: Record<string, string> = {
  date: 'date, such as 2030-01-31',
  'date-time': 'time, such as 2030-01-31T12:00:00Z',
  time: 'time of day, such as 12:00:00Z',
  duration: 'duration, such as P1D',
  email: 'e-mail address',
  hostname: 'host name',
  uri: 'address, such as https://example.com',
  uuid: 'UUID',
  'one-line': 'one line',
};

/** The rules of a value in words, such as `whole number, 1 to 20`; empty when there are none. */
export function rulesOf({ kind, schema }: Shape): string {
  const { type, minimum, maximum, minLength, maxLength, minItems, maxItems, format } = schema;
  const rules: (string | undefined)[] = [];
  if (kind === 'number')
    rules.push(type === 'integer' ? 'whole number' : undefined, span(minimum, maximum, ''));
  if (kind === 'text') rules.push(FORMATS[String(format)], span(minLength, maxLength, ' characters'));
  if (kind === 'list') rules.push(span(minItems, maxItems, ' items'));
  return rules.filter(Boolean).join(', ');
}

function span(least: unknown, most: unknown, unit: string): string | undefined {
  const [from, to] = [least, most].map(endOf);
  if (from !== undefined && to !== undefined) return from === to ? `${to}${unit}` : `${from} to ${to}${unit}`;
  if (from !== undefined) return `${from}${unit} or more`;
  return to === undefined ? undefined : `${to}${unit} at most`;
}

/** The largest safe integer is a limit of numbers, not of what they mean. */
function endOf(end: unknown): string | undefined {
  const text = end === undefined ? undefined : JSON.stringify(end);
  return text === String(Number.MAX_SAFE_INTEGER) ? undefined : text;
}
