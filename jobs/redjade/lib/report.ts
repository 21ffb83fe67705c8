/** The parser report of an import: how each of its rows was understood. */
import type { Sql } from 'batchwright/plugin';
import { FIELDS } from './check-row.ts';
import { type StoredImport, shownImport } from './import-rows.ts';
import { type ImportRow, listCategories, rowGroups } from './row-rows.ts';

/**
 * The JSON of the report in pieces: the rows from number `start`, at most `perPage` of them, or all. Throws when rows
 * are missing, because the import was deleted meanwhile.
 */
export async function* reportText(
  sql: Sql,
  tenant: string,
  stored: StoredImport,
  { start, perPage }: { start: number; perPage: number | undefined },
): AsyncGenerator<string> {
  const missing = await listCategories(sql, tenant, stored.upload, { missing: true });
  const { id, created_at, updated_at, ...counts } = shownImport(stored);
  const end = Math.min(stored.rowCount, start + (perPage ?? stored.rowCount));
  const head = {
    participant_import_id: id,
    parsed_at: updated_at,
    ...counts,
    missing_categories: missing,
    start,
    count: Math.max(0, end - start),
  };
  yield `${JSON.stringify(head).slice(0, -1)},"rows":[`;
  let separator = '';
  for await (const rows of rowGroups(sql, tenant, stored.upload, { start, end })) {
    yield separator + rows.map(rowText).join(',');
    separator = ',';
  }
  yield ']}';
}

function rowText(row: ImportRow): string {
  const head = JSON.stringify({
    index: row.n,
    status: row.isValid ? 'valid' : 'invalid',
    errors: row.errors,
    match: row.matchedId === null ? null : { participant_id: row.matchedId, by: row.matchedBy },
    duplicate_of: row.duplicateOf,
  });
  // As it was sent when it is invalid, otherwise as it was understood.
  const participant = row.raw ?? JSON.stringify(understood(row));
  return `${head.slice(0, -1)},"participant":${participant}}`;
}

function understood(row: ImportRow): object | null {
  const fields = FIELDS.filter((name) => row[name] !== null).map((name) => [name, row[name]]);
  if (fields.length === 0) return null;
  const demographics = row.demographics === null ? {} : { demographics: row.demographics };
  return { ...Object.fromEntries(fields), ...demographics };
}
