/**
 * Lists with pages and filters, as iVvy has them (docs/systems.md): what the actions of several namespaces
 * share. `schemas/lib/lists.ts` says which names and values a filter may have.
 *
 * - Text compares without case. All names of a filter must hold.
 * - LESSTHAN and GREATERTHAN include the value. Dates compare to the second, as they are shown.
 * - A null field is not equal to any value and contains nothing: `__NOT` and `__NOTCONTAINS` find it.
 */
import { type FieldKind, type Filter, IS_NULL, type ListParams, type Shortcuts } from '#schemas/lib/lists.ts';
import { withUtc } from './timestamps.ts';

/** A job's response may have 1 MiB; the largest contact takes 4 KB. */
const MAX_PER_PAGE = 250;
const DEFAULT_PER_PAGE = 100;

export interface Page {
  start: number;
  perPage: number;
}

/** The page that is asked for, with the cap on `perPage`. */
export function pageOf({ start = 0, perPage = DEFAULT_PER_PAGE }: ListParams): Page {
  return { start, perPage: Math.min(perPage, MAX_PER_PAGE) };
}

export interface Collection<Row> {
  meta: { totalResults: number; start: number; perPage: number; count: number };
  results: Row[];
}

export function collection<Row>(totalResults: number, page: Page, results: Row[]): Collection<Row> {
  return { meta: { totalResults, ...page, count: results.length }, results };
}

/** A field of a list: how it compares, and its column or another SQL expression. */
export interface ListColumn {
  kind: FieldKind;
  sql: string;
}

/** The fields with their columns. */
export function columnsOf<Name extends string>(
  kinds: Readonly<Record<Name, FieldKind>>,
  columns: Readonly<Record<NoInfer<Name>, string>>,
): Record<string, ListColumn> {
  const names = Object.keys(kinds) as Name[];
  return Object.fromEntries(names.map((name) => [name, { kind: kinds[name], sql: columns[name] }]));
}

export interface Conditions {
  /** ` and …` for each name of the filter; empty without a filter. */
  sql: string;
  /** The values of the statement's placeholders: the given ones, then those of the conditions. */
  values: unknown[];
}

/**
 * The conditions of a filter that fits the list's schema. The values are bound, never part of the SQL.
 *
 * @param values those of the placeholders before the conditions
 */
export function conditionsOf(
  filter: Filter,
  columns: Readonly<Record<string, ListColumn>>,
  values: readonly unknown[],
  shortcuts: Shortcuts = {},
): Conditions {
  const bound = [...values];
  const conditions = Object.entries(filter).map(([name, value]) => {
    const [field = '', suffix = ''] = (shortcuts[name] ?? name).split('__');
    const column = columns[field];
    if (!column) throw new Error(`the list has no field ${field}`);
    if (suffix === 'EMPTY') return emptiness(column, value === false || value === 0);
    if (value === IS_NULL && NULLABLE.has(suffix)) return nullness(column, suffix === 'NOT');
    bound.push(column.kind === 'date' ? withUtc(String(value)) : String(value));
    return comparison(column, suffix, `$${bound.length}`);
  });
  return { sql: conditions.map((condition) => ` and ${condition}`).join(''), values: bound };
}

/** The suffixes whose value may ask for null. */
const NULLABLE = new Set(['', 'NOT']);

function nullness({ sql }: ListColumn, isNegated: boolean): string {
  return `(${sql}) is ${isNegated ? 'not null' : 'null'}`;
}

function emptiness({ kind, sql }: ListColumn, isNegated: boolean): string {
  const empty = kind === 'text' ? `coalesce(${sql}, '') = ''` : `(${sql}) is null`;
  return isNegated ? `not (${empty})` : empty;
}

function comparison({ kind, sql }: ListColumn, suffix: string, placeholder: string): string {
  const [left, right] = operands(kind, sql, placeholder);
  switch (suffix) {
    case 'CONTAINS':
      return `strpos(${left}, ${right}) > 0`;
    case 'NOTCONTAINS':
      return `coalesce(strpos(${left}, ${right}), 0) = 0`;
    case 'BEGINS':
      return `starts_with(${left}, ${right})`;
    case 'ENDS':
      return `right(${left}, length(${right})) = ${right}`;
    case 'LESSTHAN':
      return `${left} <= ${right}`;
    case 'GREATERTHAN':
      return `${left} >= ${right}`;
    case 'NOT':
      return `${left} is distinct from ${right}`;
    case '':
      return `${left} = ${right}`;
    default:
      throw new Error(`a filter has no suffix ${suffix}`);
  }
}

function operands(kind: FieldKind, sql: string, placeholder: string): [left: string, right: string] {
  if (kind === 'text') return [`lower(${sql})`, `lower(${placeholder}::text)`];
  if (kind === 'date') return [`date_trunc('second', ${sql})`, `${placeholder}::timestamptz`];
  return [`(${sql})`, `${placeholder}::bigint`];
}
