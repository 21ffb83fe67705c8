/** The statements on `os1.participant`. */
import type { Sql } from 'batchwright/plugin';

export interface NewRow {
  id: string;
  type: string;
  uniqueCode: string;
  name: string | null;
  owner: string | null;
  /** JSON text. */
  properties: string;
}

export interface StoredRow extends NewRow {
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `id, type, unique_code as "uniqueCode", name, owner, properties::text as properties,
  created_at as "createdAt", updated_at as "updatedAt"`;

/**
 * Adds participants with different codes. Returns the ids of those that were added: for the others there is one with
 * the code.
 */
export async function insertParticipants(
  sql: Sql,
  tenant: string,
  rows: readonly NewRow[],
): Promise<Set<string>> {
  const { rows: added } = await sql.query<{ id: string }>(
    // In the order of the codes: two batches with the same codes would otherwise deadlock.
    `insert into os1.participant (tenant, id, type, unique_code, name, owner, properties)
     select $1, id, type, code, name, owner, properties::json
     from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
       as row (id, type, code, name, owner, properties)
     order by type collate "C", code collate "C"
     on conflict (type, tenant, unique_code) do nothing
     returning id`,
    [
      tenant,
      rows.map(({ id }) => id),
      rows.map(({ type }) => type),
      rows.map(({ uniqueCode }) => uniqueCode),
      rows.map(({ name }) => name),
      rows.map(({ owner }) => owner),
      rows.map(({ properties }) => properties),
    ],
  );
  return new Set(added.map(({ id }) => id));
}

/** Locks the participants with these ids until the commit, in the order of their ids, and returns those that exist. */
export async function lockParticipants(
  sql: Sql,
  tenant: string,
  ids: readonly string[],
): Promise<StoredRow[]> {
  const { rows } = await sql.query<StoredRow>(
    `select ${COLUMNS} from os1.participant where tenant = $1 and id = any ($2::uuid[]) order by id for update`,
    [tenant, ids],
  );
  return rows;
}

/** Writes name, owner and properties of participants. */
export async function updateParticipants(
  sql: Sql,
  tenant: string,
  rows: readonly Pick<StoredRow, 'id' | 'name' | 'owner' | 'properties'>[],
): Promise<void> {
  await sql.query(
    // The ids are named twice: Postgres then looks them up, also before the table has statistics.
    `update os1.participant
     set name = row.name, owner = row.owner, properties = row.properties::json, updated_at = now()
     from unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) as row (id, name, owner, properties)
     where participant.tenant = $1 and participant.id = any ($2::uuid[]) and participant.id = row.id`,
    [
      tenant,
      rows.map(({ id }) => id),
      rows.map(({ name }) => name),
      rows.map(({ owner }) => owner),
      rows.map(({ properties }) => properties),
    ],
  );
}

/** Null when the tenant has no such participant of the type. */
export async function findParticipant(
  sql: Sql,
  tenant: string,
  { type, id }: { type: string; id: string },
): Promise<StoredRow | null> {
  const { rows } = await sql.query<StoredRow>(
    `select ${COLUMNS} from os1.participant where tenant = $1 and type = $2 and id = $3`,
    [tenant, type, id],
  );
  return rows[0] ?? null;
}

/** Participants of a type by their codes, from the one after `after` on. */
export async function listParticipants(
  sql: Sql,
  tenant: string,
  { type, after, limit }: { type: string; after: string; limit: number },
): Promise<StoredRow[]> {
  const { rows } = await sql.query<StoredRow>(
    `select ${COLUMNS} from os1.participant
     where tenant = $1 and type = $2 and unique_code > $3
     order by unique_code
     limit $4`,
    [tenant, type, after, limit],
  );
  return rows;
}
