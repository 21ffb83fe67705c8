/** The statements on `redjade.import_row` and `redjade.upload`. */
import type { Sql } from 'batchwright/plugin';
import type { CheckedRow, Demographics, Field, RowError } from './check-row.ts';

/** A row of an import, as it was understood when the import was checked last. */
export interface ImportRow extends Record<Field, string | null> {
  n: number;
  isValid: boolean;
  demographics: Demographics | null;
  /** JSON text of an invalid row; null when it was too long to be kept. */
  raw: string | null;
  errors: RowError[];
  matchedId: number | null;
  matchedBy: 'external_id' | 'email' | null;
  duplicateOf: number | null;
}

/** Stores rows of an upload; rows that are stored already stay. */
export async function storeRows(
  sql: Sql,
  tenant: string,
  upload: string,
  rows: readonly (CheckedRow & { n: number })[],
): Promise<void> {
  await sql.query(
    `with begun as (
       insert into redjade.upload (tenant, upload) values ($1, $2) on conflict (tenant, upload) do nothing
     )
     insert into redjade.import_row (
       tenant, upload, is_kept, n, is_valid, external_id, email, first_name, last_name, locale, demographics, raw,
       errors
     )
     select $1, $2, r.is_valid, r.*
     from json_to_recordset($3::json) as r (
       n integer, is_valid boolean, external_id text, email text, first_name text, last_name text, locale text,
       demographics jsonb, raw text, errors jsonb
     )
     on conflict (tenant, upload, n) do nothing`,
    [tenant, upload, JSON.stringify(rows)],
  );
}

export async function countRows(sql: Sql, tenant: string, upload: string): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    'select count(*) as count from redjade.import_row where tenant = $1 and upload = $2',
    [tenant, upload],
  );
  return rows[0]?.count ?? 0;
}

/** Removes the mark of an upload that became an import. */
export async function completeUpload(sql: Sql, tenant: string, upload: string): Promise<void> {
  await sql.query('delete from redjade.upload where tenant = $1 and upload = $2', [tenant, upload]);
}

/** Removes the rows of uploads that were not completed within a day. */
export async function removeOldUploads(sql: Sql, tenant: string): Promise<void> {
  await sql.query(
    `with old as (
       delete from redjade.upload
       where tenant = $1 and created_at < now() - interval '1 day'
       returning upload
     )
     delete from redjade.import_row r using old where r.tenant = $1 and r.upload = old.upload`,
    [tenant],
  );
}

/** The number of categories that the valid rows name. */
export async function countCategories(sql: Sql, tenant: string, upload: string): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(distinct name) as count
     from redjade.import_row r cross join jsonb_object_keys(r.demographics) as name
     where r.tenant = $1 and r.upload = $2 and r.is_valid`,
    [tenant, upload],
  );
  return rows[0]?.count ?? 0;
}

/** The categories that the valid rows name, by name; with `missing` those that do not exist yet. */
export async function listCategories(
  sql: Sql,
  tenant: string,
  upload: string,
  { missing = false } = {},
): Promise<string[]> {
  const { rows } = await sql.query<{ name: string }>(
    `select distinct name
     from redjade.import_row r cross join jsonb_object_keys(r.demographics) as name
     where r.tenant = $1 and r.upload = $2 and r.is_valid
       and not ($3 and name in (select c.name from redjade.category c where c.tenant = $1))
     order by name`,
    [tenant, upload, missing],
  );
  return rows.map(({ name }) => name);
}

const ROWS_AT_ONCE = 500;
/** A row may have 256 KiB. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/**
 * Rows of an upload in their order, from number `start`: at most `limit`, and fewer when they are long, but at least
 * one. With `problems` only those that are invalid or duplicates.
 */
export async function listRows(
  sql: Sql,
  tenant: string,
  upload: string,
  { start, limit, problems = false }: { start: number; limit: number; problems?: boolean },
): Promise<ImportRow[]> {
  const { rows } = await sql.query<StoredRow>(
    `select n, is_valid and conflict_id is null as "isValid", external_id, email, first_name, last_name, locale,
       demographics, raw, errors, matched_id as "matchedId", matched_by as "matchedBy", conflict_id as "conflictId",
       duplicate_of as "duplicateOf"
     from (
       select *, sum(coalesce(octet_length(raw), octet_length(demographics::text), 0)) over (
         order by n rows between unbounded preceding and 1 preceding
       ) as bytes_before
       from redjade.import_row
       where tenant = $1 and upload = $2 and n >= $3 and not ($5 and is_kept)
       order by n limit $4
     ) as page
     where coalesce(bytes_before, 0) < $6
     order by n`,
    [tenant, upload, start, limit, problems, MAX_PAGE_BYTES],
  );
  return rows.map(read);
}

/**
 * All rows of an upload from number `start` to before `end`, in groups. Throws when rows are missing, because the
 * import was deleted meanwhile.
 */
export async function* rowGroups(
  sql: Sql,
  tenant: string,
  upload: string,
  { start, end }: { start: number; end: number },
): AsyncGenerator<ImportRow[]> {
  for (let next = start; next < end; ) {
    const rows = await listRows(sql, tenant, upload, {
      start: next,
      limit: Math.min(ROWS_AT_ONCE, end - next),
    });
    if (rows.at(-1)?.n !== next + rows.length - 1)
      throw new Error('rows of the participant import are missing');
    yield rows;
    next += rows.length;
  }
}

type StoredRow = Omit<ImportRow, 'demographics' | 'errors'> & {
  /** JSON texts. */
  demographics: string | null;
  errors: string | null;
  /** The participant with the row's e-mail, when another one has its external_id. */
  conflictId: number | null;
};

function read({ demographics, errors, conflictId, ...row }: StoredRow): ImportRow {
  const found: RowError[] = errors === null ? [] : JSON.parse(errors);
  if (conflictId !== null)
    found.push({
      message: `belongs to participant ${conflictId}, and the external_id to participant ${row.matchedId}`,
      field: 'email',
    });
  return { ...row, demographics: demographics === null ? null : JSON.parse(demographics), errors: found };
}
