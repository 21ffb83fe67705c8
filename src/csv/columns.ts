/** What a column of a CSV file is in the params of an action. */

/** Names of columns that cannot be those of params; the message says which. */
export class CsvHeaderError extends Error {
  override name = 'CsvHeaderError';
}

export interface CsvColumn {
  /** `address.city` is `['address', 'city']`; a number is an index. */
  path: readonly (string | number)[];
  /** What the schema allows there; empty when it does not say. */
  types: ReadonlySet<string>;
}

/** A part of a JSON Schema. */
interface Schema {
  [keyword: string]: unknown;
}

const MAX_INDEX = 9_999;
/** References may form a circle. */
const MAX_DEPTH = 64;

/**
 * The columns of names of params such as `address.city`. Throws CsvHeaderError.
 *
 * @param schema of the params
 */
export function columnsOf(header: readonly string[], schema: object): CsvColumn[] {
  const columns = header.map((name) => {
    const path = pathOf(name.trim(), schema as Schema);
    return { path, types: new Set(at(schema as Schema, path, schema as Schema).flatMap(typesOf)) };
  });
  const keys = columns.map(({ path }) => path.join('.'));
  for (const [index, key] of keys.entries()) {
    const other = keys.find((one, at) => at !== index && (one === key || one.startsWith(`${key}.`)));
    if (other !== undefined) throw wrongHeader(`the columns ${key} and ${other} name the same place`);
  }
  return columns;
}

function pathOf(name: string, schema: Schema): (string | number)[] {
  if (Object.hasOwn((schema.properties as object) ?? {}, name)) return [name];
  const path = name.split('.');
  if (path.includes('')) throw wrongHeader(`the column ${JSON.stringify(name)} names no param`);
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
