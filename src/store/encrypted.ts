/** The columns whose values are encrypted with SECRET_KEY. */
import type { ClientBase } from 'pg';

const PLACES = {
  keys: { table: 'batchwright.api_key', column: 'secret', type: 'text' },
  callbackHeaders: { table: 'batchwright.batch', column: 'callback_headers', type: 'uuid' },
} as const;

export type EncryptedPlace = keyof typeof PLACES;

export interface EncryptedRow {
  id: string;
  tenant: string;
  encrypted: Buffer;
}

/** A page in the order of ids. @param after the last id of the page before; null for the first page */
export async function encryptedPage(
  client: ClientBase,
  place: EncryptedPlace,
  { after, limit }: { after: string | null; limit: number },
): Promise<EncryptedRow[]> {
  const { table, column, type } = PLACES[place];
  const { rows } = await client.query<EncryptedRow>(
    `select id, tenant, ${column} as encrypted from ${table}
     where ${column} is not null and ($1::${type} is null or id > $1::${type}) order by id limit $2`,
    [after, limit],
  );
  return rows;
}

/** Replaces values, except those that have changed or gone since they were read. */
export async function replaceEncrypted(
  client: ClientBase,
  place: EncryptedPlace,
  changes: readonly { id: string; before: Buffer; after: Buffer }[],
): Promise<void> {
  const { table, column, type } = PLACES[place];
  const name = table.slice(table.indexOf('.') + 1);
  await client.query(
    `with held as materialized (
       select id from ${table} where id = any($1::${type}[]) order by id for update
     )
     update ${table} set ${column} = change.after
     from held join unnest($1::${type}[], $2::bytea[], $3::bytea[]) as change (id, before, after) using (id)
     where ${name}.id = held.id and ${name}.${column} = change.before`,
    [changes.map(({ id }) => id), changes.map(({ before }) => before), changes.map(({ after }) => after)],
  );
}
