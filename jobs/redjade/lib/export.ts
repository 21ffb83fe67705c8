/** The payload of an import as CSV (RFC 4180). */
import type { Sql } from 'batchwright/plugin';
import { FIELDS } from './check-row.ts';
import type { StoredImport } from './import-rows.ts';
import { isObject } from './parse-body.ts';
import { type ImportRow, listCategories, rowGroups } from './row-rows.ts';

type Stringify = typeof import('csv-stringify/sync').stringify;

/**
 * The CSV in pieces: a header line, and a line for each row in the order that was sent. Columns are the fields and
 * `demographics.` with the name of each category that a valid row names. A cell is empty for what the row does not
 * have, `""` for an empty text, and JSON for what is not a text, a number, true or false. Throws when rows are missing,
 * because the import was deleted meanwhile.
 */
export async function* csvText(sql: Sql, tenant: string, stored: StoredImport): AsyncGenerator<string> {
  // Loaded for the first export.
  const { stringify } = await import('csv-stringify/sync');
  const categories = await listCategories(sql, tenant, stored.upload);
  yield lines(stringify, [[...FIELDS, ...categories.map((name) => `demographics.${name}`)]]);
  for await (const rows of rowGroups(sql, tenant, stored.upload, { start: 0, end: stored.rowCount }))
    yield lines(
      stringify,
      rows.map((row) => cellsOf(row, categories)),
    );
}

function cellsOf(row: ImportRow, categories: readonly string[]): (string | null)[] {
  const sent: unknown = row.raw === null ? row : JSON.parse(row.raw);
  const members = isObject(sent) ? sent : {};
  const demographics = isObject(members.demographics) ? members.demographics : {};
  return [
    ...FIELDS.map((name) => cellOf(members[name])),
    ...categories.map((name) => cellOf(Object.hasOwn(demographics, name) ? demographics[name] : null)),
  ];
}

function cellOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function lines(stringify: Stringify, records: (string | null)[][]): string {
  return stringify(records, {
    record_delimiter: 'windows',
    // Only an empty text gets quotes, so that it differs from an absent one.
    cast: { string: (value) => (value === '' ? { value, quoted_string: true } : value) },
  });
}
