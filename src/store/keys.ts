import type { ClientBase, Pool } from 'pg';

export interface ApiKeyRow {
  id: string;
  tenant: string;
  name: string;
  permissions: string[];
  /** How its client signs requests; null when it only sends the key. */
  signing: 'IWS' | null;
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  /** When a request with it was last accepted, to the minute; null when none was. */
  lastUsedAt: Date | null;
}

const COLUMNS = `id, tenant, name, permissions, signing, created_by as "createdBy", created_at as "createdAt",
  expires_at as "expiresAt", last_used_at as "lastUsedAt"`;

export async function insertKey(
  client: ClientBase,
  key: Omit<ApiKeyRow, 'createdAt' | 'lastUsedAt'> & { digest: Buffer; encryptedSecret: Buffer | null },
): Promise<ApiKeyRow> {
  const { id, tenant, name, permissions, createdBy, expiresAt, digest, signing, encryptedSecret } = key;
  const { rows } = await client.query<ApiKeyRow>(
    `insert into batchwright.api_key
       (id, tenant, name, permissions, created_by, expires_at, digest, signing, secret)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${COLUMNS}`,
    [id, tenant, name, permissions, createdBy, expiresAt, digest, signing, encryptedSecret],
  );
  return rows[0] as ApiKeyRow;
}

/** A key with the fields needed to check a request. */
export interface FoundKey extends ApiKeyRow {
  digest: Buffer;
  /** Null for a key that does not sign. */
  encryptedSecret: Buffer | null;
  /** By the database's clock; null for a key that does not expire. */
  expiresInMs: number | null;
}

/** Null when unknown or expired. */
export async function findKey(pool: Pool, id: string): Promise<FoundKey | null> {
  const { rows } = await pool.query<FoundKey>({
    name: 'find-key',
    text: `select ${COLUMNS}, digest, secret as "encryptedSecret",
       extract(epoch from expires_at - now())::double precision * 1000 as "expiresInMs"
     from batchwright.api_key
     where id = $1 and (expires_at is null or expires_at > now())`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Those of these keys that are neither revoked nor expired. */
export async function validKeys(pool: Pool, ids: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'valid-keys',
    text: `select id from batchwright.api_key where id = any($1) and (expires_at is null or expires_at > now())`,
    values: [ids],
  });
  return rows.map(({ id }) => id);
}

/**
 * The key that creates another one, locked against revocation until the transaction ends, and the database's
 * time.
 */
export async function findMaker(
  client: ClientBase,
  id: string,
): Promise<{ now: Date; exists: boolean; expiresAt: Date | null }> {
  const { rows } = await client.query<{ now: Date; exists: boolean; expiresAt: Date | null }>(
    `with maker as (
       select id, expires_at from batchwright.api_key
       where id = $1 and (expires_at is null or expires_at > now()) for share
     )
     select now() as now, maker.id is not null as exists, maker.expires_at as "expiresAt"
     from (values (1)) as one (row) left join maker on true`,
    [id],
  );
  return rows[0] as { now: Date; exists: boolean; expiresAt: Date | null };
}

/** The tenant's keys, or the keys of all tenants for null, oldest first. */
export async function listKeys(pool: Pool, tenant: string | null): Promise<ApiKeyRow[]> {
  const { rows } = await pool.query<ApiKeyRow>(
    `select ${COLUMNS} from batchwright.api_key where tenant = coalesce($1, tenant) order by created_at, id`,
    [tenant],
  );
  return rows;
}

/**
 * Records the uses of these keys, except of those that another transaction holds or whose use was recorded so
 * recently.
 */
export async function recordKeyUse(
  client: ClientBase,
  uses: readonly { id: string; secondsAgo: number }[],
  pauseSeconds: number,
): Promise<void> {
  await client.query({
    name: 'record-key-use',
    text: `with used as (
       select id, now() - make_interval(secs => "secondsAgo") as at
       from unnest($1::text[], $2::float8[]) as given (id, "secondsAgo")
     ), due as materialized (
       select api_key.id from batchwright.api_key join used using (id)
       where last_used_at is null or last_used_at < used.at - make_interval(secs => $3)
       order by api_key.id for update of api_key skip locked
     )
     update batchwright.api_key set last_used_at = used.at
     from due join used using (id) where api_key.id = due.id`,
    values: [uses.map(({ id }) => id), uses.map(({ secondsAgo }) => secondsAgo), pauseSeconds],
  });
}

/** The secrets of all keys that sign, oldest first. */
export async function listSecrets(pool: Pool): Promise<{ id: string; encryptedSecret: Buffer }[]> {
  const { rows } = await pool.query<{ id: string; encryptedSecret: Buffer }>(
    `select id, secret as "encryptedSecret" from batchwright.api_key
     where secret is not null order by created_at, id`,
  );
  return rows;
}

/** Returns the deleted key; null when there is no such key of the tenant, or of any tenant for null. */
export async function deleteKey(
  client: ClientBase,
  tenant: string | null,
  id: string,
): Promise<Pick<ApiKeyRow, 'tenant' | 'name'> | null> {
  const { rows } = await client.query<Pick<ApiKeyRow, 'tenant' | 'name'>>(
    'delete from batchwright.api_key where tenant = coalesce($1, tenant) and id = $2 returning tenant, name',
    [tenant, id],
  );
  return rows[0] ?? null;
}
