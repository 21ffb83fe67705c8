/** Which column becomes which param. */
import type { CsvSettings } from '../../../client/index.ts';
import { shapeOf } from '../../../csv/columns.ts';
import { rowParams } from '../../../csv/row-params.ts';
import { isMembers, type Schema, shapesOf } from '../../components/form/schema.ts';

export interface Mapping {
  /** A param such as `address.city` for each column; empty for a column that is left out. */
  columns: readonly string[];
  /** Params with the same value in all rows. */
  fixed: readonly { param: string; text: string }[];
}

const MAX_DEPTH = 3;

/** The params that the schema names: `address.city`, `tags.0`. */
export function paramNames(schema: Schema): string[] {
  return namesOf(schema, schema, '', 1);
}

function namesOf(schema: unknown, root: Schema, before: string, depth: number): string[] {
  return shapesOf(schema, root).flatMap(({ kind, schema: own }) => {
    if (depth > MAX_DEPTH) return [];
    if (kind === 'list') return ['0', '1'].flatMap((n) => withInner(n, own.items, root, before, depth));
    if (kind !== 'object' || !isMembers(own.properties)) return [];
    return Object.entries(own.properties).flatMap(([name, inner]) =>
      withInner(name, inner, root, before, depth),
    );
  });
}

function withInner(name: string, schema: unknown, root: Schema, before: string, depth: number): string[] {
  const path = before === '' ? name : `${before}.${name}`;
  const inner = [...new Set(namesOf(schema, root, path, depth + 1))];
  return inner.length > 0 ? inner : [path];
}

/** By name; a column that the schema does not know is left out when it allows no others. */
export function firstMapping(header: readonly string[], schema: Schema): Mapping {
  const byKey = new Map(paramNames(schema).map((name) => [keyOf(name), name]));
  const isOpen = schema.additionalProperties !== false;
  const taken = new Set<string>();
  const columns = header.map((column) => {
    const param = byKey.get(keyOf(column)) ?? (isOpen ? column.trim() : '');
    if (taken.has(param)) return '';
    taken.add(param);
    return param;
  });
  return { columns, fixed: [] };
}

/** `First name` and `first_name` are `firstName`. */
function keyOf(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]+/g, '');
}

/** The mapping in words of the server; undefined when it cannot be said by the names of the columns. */
export function namedMapping(
  names: readonly string[],
  { columns, fixed }: Mapping,
): Pick<CsvSettings, 'map' | 'set'> | undefined {
  const trimmed = names.map((name) => name.trim());
  if (trimmed.includes('') || new Set(trimmed).size < trimmed.length) return undefined;
  const renamed = trimmed.map((name, index) => [name, columns[index]?.trim() ?? ''] as const);
  const set = fixed.filter(({ param }) => param.trim() !== '').map(({ param, text }) => [param.trim(), text]);
  return {
    map: Object.fromEntries(renamed.filter(([name, param]) => name !== param)),
    set: Object.fromEntries(set),
  };
}

/** Makes the params of a row, as JSON. Throws CsvHeaderError for params that cannot be together. */
export function paramsMaker(
  { columns, fixed }: Mapping,
  schema: Schema,
): (cells: readonly string[]) => string {
  const used = columns
    .map((param, index) => ({ param: param.trim(), index }))
    .filter(({ param }) => param !== '');
  const same = fixed.filter(({ param }) => param.trim() !== '');
  const shape = shapeOf(
    [...used, ...same].map(({ param }) => param),
    schema,
  );
  const texts = same.map(({ text }) => text);
  return (cells) => rowParams(shape, [...used.map(({ index }) => cells[index] ?? ''), ...texts]);
}
