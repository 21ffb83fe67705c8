/** The statements on `redjade.participant_import`. */
import type { Sql } from 'batchwright/plugin';
import { shownEventId } from './event-rows.ts';

/** An import as it is stored; counts are those of the last check of its rows. */
export interface StoredImport {
  id: number;
  externalEventId: string;
  upload: string;
  createdAt: Date;
  updatedAt: Date;
  rowCount: number;
  validCount: number;
  invalidCount: number;
  matchedCount: number;
  duplicateCount: number;
}

const COLUMNS = `id, external_event_id as "externalEventId", upload, created_at as "createdAt",
  updated_at as "updatedAt", row_count as "rowCount", valid_count as "validCount", invalid_count as "invalidCount",
  matched_count as "matchedCount", duplicate_count as "duplicateCount"`;

/** An import as callers see it. */
export function shownImport(stored: StoredImport) {
  return {
    id: stored.id,
    external_event_id: shownEventId(stored.externalEventId),
    created_at: stored.createdAt.toISOString(),
    updated_at: stored.updatedAt.toISOString(),
    row_count: stored.rowCount,
    valid_count: stored.validCount,
    invalid_count: stored.invalidCount,
    matched_count: stored.matchedCount,
    duplicate_count: stored.duplicateCount,
  };
}

/** Adds the import of an upload, once. Returns its id. */
export async function addImport(
  sql: Sql,
  tenant: string,
  { upload, eventId, externalEventId }: { upload: string; eventId: number; externalEventId: string },
): Promise<number> {
  const { rows } = await sql.query<{ id: number }>(
    `insert into redjade.participant_import (tenant, upload, event_id, external_event_id) values ($1, $2, $3, $4)
     on conflict (tenant, upload) do update set updated_at = now()
     returning id`,
    [tenant, upload, eventId, externalEventId],
  );
  return (rows[0] as { id: number }).id;
}

/** Matches the rows of the import with the event's participants, and counts the results. */
export async function resolveRows(sql: Sql, tenant: string, id: number): Promise<void> {
  await sql.query('select redjade.resolve($1, $2)', [tenant, id]);
}

/** The import, or null when the tenant has none with this id. */
export async function findImport(sql: Sql, tenant: string, id: number): Promise<StoredImport | null> {
  const { rows } = await sql.query<StoredImport>(
    `select ${COLUMNS} from redjade.participant_import where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return rows[0] ?? null;
}

export async function countImports(sql: Sql, tenant: string, eventId: number): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    'select count(*) as count from redjade.participant_import where tenant = $1 and event_id = $2',
    [tenant, eventId],
  );
  return rows[0]?.count ?? 0;
}

/** The imports of an event, by id. */
export async function listImports(
  sql: Sql,
  tenant: string,
  eventId: number,
  { start, perPage }: { start: number; perPage: number },
): Promise<StoredImport[]> {
  const { rows } = await sql.query<StoredImport>(
    `select ${COLUMNS} from redjade.participant_import
     where tenant = $1 and event_id = $2
     order by id offset $3 limit $4`,
    [tenant, eventId, start, perPage],
  );
  return rows;
}

/** Removes the import with its actions. Returns its upload, null when there is no such import. */
export async function removeImport(sql: Sql, tenant: string, id: number): Promise<string | null> {
  const { rows } = await sql.query<{ upload: string }>(
    'delete from redjade.participant_import where tenant = $1 and id = $2 returning upload',
    [tenant, id],
  );
  return rows[0]?.upload ?? null;
}

export async function removeRows(sql: Sql, tenant: string, upload: string): Promise<void> {
  await sql.query('delete from redjade.import_row where tenant = $1 and upload = $2', [tenant, upload]);
}
