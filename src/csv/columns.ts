/** What a column of a CSV file is in the params of an action. */

/** Names of columns that cannot be those of params; the message says which. */
export class CsvHeaderError extends Error {
  override name = 'CsvHeaderError';
}

/** What the columns make of a row: the params, and every object, array and cell in them. */
export type CsvShape = CsvObject | CsvArray | CsvCell;

export interface CsvObject {
  kind: 'object';
  members: readonly (readonly [name: string, value: CsvShape])[];
}

export interface CsvArray {
  kind: 'array';
  elements: readonly CsvShape[];
}

export interface CsvCell {
  kind: 'cell';
  /** Of its column. */
  column: number;
  /** What the schema allows there; empty when it does not say. */
  types: ReadonlySet<string>;
}

/** A part of a JSON Schema. */
interface Schema {
  [keyword: string]: unknown;
}

const MAX_INDEX = 9_999;
/** Each row is read column by column. */
const MAX_COLUMNS = 10_000;
/** Of a column's path; and references may form a circle. */
const MAX_DEPTH = 64;

/**
 * The params of columns with names such as `address.city`. Throws CsvHeaderError.
 *
 * @param schema of the params
 */
export function shapeOf(header: readonly string[], schema: object): CsvObject {
  if (header.length > MAX_COLUMNS) throw wrongHeader(`it has more than ${MAX_COLUMNS} columns`);
  const root = newPlace('');
  for (const [column, given] of header.entries()) {
    const name = given.trim();
    const path = pathOf(name, schema as Schema);
    const types = new Set(at(schema as Schema, path, schema as Schema).flatMap(typesOf));
    takePlace(root, path, name).cell = { kind: 'cell', column, types };
  }
  return objectAt(root);
}

/** A place in the params that a column fills, or that lies on the way to one. */
interface Place {
  /** The first column that leads there. */
  column: string;
  cell: CsvCell | undefined;
  next: Map<string | number, Place>;
}

function newPlace(column: string): Place {
  return { column, cell: undefined, next: new Map() };
}

/** Throws when the columns before leave no room: `a` twice, `a` and `a.b`, or `a.b` and `a.0`. */
function takePlace(root: Place, path: readonly (string | number)[], column: string): Place {
  let place = root;
  for (const step of path) {
    const [[first, other] = []] = place.next;
    if (other && typeof first !== typeof step)
      throw wrongHeader(`the columns ${other.column} and ${column} make an array and an object of one place`);
    const next = place.next.get(step) ?? newPlace(column);
    if (next.cell) throw wrongHeader(`the columns ${next.column} and ${column} name the same place`);
    place.next.set(step, next);
    place = next;
  }
  if (place.next.size > 0) throw wrongHeader(`the columns ${place.column} and ${column} name the same place`);
  return place;
}

function shapeAt(place: Place): CsvShape {
  if (place.cell) return place.cell;
  const [first] = place.next.keys();
  if (typeof first !== 'number') return objectAt(place);
  const elements = [...place.next].sort(([one], [other]) => Number(one) - Number(other));
  return { kind: 'array', elements: elements.map(([, element]) => shapeAt(element)) };
}

function objectAt({ next }: Place): CsvObject {
  return { kind: 'object', members: [...next].map(([name, member]) => [String(name), shapeAt(member)]) };
}

function pathOf(name: string, schema: Schema): (string | number)[] {
  if (Object.hasOwn((schema.properties as object) ?? {}, name)) return [name];
  const path = name.split('.');
  if (path.includes('')) throw wrongHeader(`the column ${JSON.stringify(name)} names no param`);
  if (path.length > MAX_DEPTH)
    throw wrongHeader(`the column ${name.slice(0, 100)} nests deeper than ${MAX_DEPTH}`);
  return path.map((part, index) => {
    const isIndex = index > 0 && /^\d+$/.test(part);
    if (isIndex && Number(part) > MAX_INDEX) throw wrongHeader(`the column ${name} has too large an index`);
    return isIndex ? Number(part) : part;
  });
}

function wrongHeader(problem: string): CsvHeaderError {
  return new CsvHeaderError(problem);
}

/** All parts of the schema that say something about the place. */
function at(schema: Schema, [step, ...rest]: readonly (string | number)[], root: Schema): Schema[] {
  const parts = alternatives(schema, root);
  if (step === undefined) return parts;
  return parts.flatMap((part) => children(part, step)).flatMap((child) => at(child, rest, root));
}

function alternatives(schema: Schema, root: Schema, depth = 0): Schema[] {
  if (depth > MAX_DEPTH || typeof schema !== 'object' || schema === null) return [];
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => (schema[keyword] as Schema[]) ?? []);
  if (typeof schema.$ref === 'string') branches.push(referred(schema.$ref, root));
  return [schema, ...branches.flatMap((branch) => alternatives(branch, root, depth + 1))];
}

function children(part: Schema, step: string | number): Schema[] {
  const {
    properties = {},
    items,
    prefixItems = [],
  } = part as {
    properties?: Record<string, Schema>;
    items?: Schema;
    prefixItems?: Schema[];
  };
  const child =
    typeof step === 'number'
      ? (prefixItems[step] ?? items)
      : Object.hasOwn(properties, step)
        ? properties[step]
        : part.additionalProperties;
  return typeof child === 'object' && child !== null ? [child as Schema] : [];
}

/** Only references within the schema: `#/$defs/name`. */
function referred(reference: string, root: Schema): Schema {
  if (!reference.startsWith('#')) return {};
  let part: unknown = root;
  for (const step of reference.split('/').slice(1)) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    part = (part as Schema | undefined)?.[name];
  }
  return (part as Schema | undefined) ?? {};
}

function typesOf(part: Schema): string[] {
  const values = 'const' in part ? [part.const] : ((part.enum as unknown[] | undefined) ?? []);
  return [
    ...[part.type ?? []].flat(),
    ...values.map((value) => (value === null ? 'null' : typeof value)),
  ] as string[];
}
