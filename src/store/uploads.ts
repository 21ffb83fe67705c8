/** Requests whose jobs are stored while the rest is still being sent. */
import type { ClientBase, Pool } from 'pg';
import type { IdempotencyKey } from './submission.ts';

export interface NewUpload {
  batchId: string;
  /** The number of the process, as in `holdProcessLock`. */
  owner: number;
  tenant: string;
  idempotencyKey: string | undefined;
}

/** An upload that was not renewed for this long belongs to a dead process. */
const STALE_SECONDS = 30;
/** The class of advisory locks that represent processes. */
const PROCESS_LOCKS = 20_814;

export async function insertUpload(client: ClientBase, upload: NewUpload): Promise<void> {
  await client.query(
    'insert into batchwright.upload (batch_id, owner, tenant, idempotency_key) values ($1, $2, $3, $4)',
    [upload.batchId, upload.owner, upload.tenant, upload.idempotencyKey ?? null],
  );
}

/** Renews the uploads, so that they do not count as abandoned. */
export async function renewUploads(pool: Pool, batchIds: readonly string[]): Promise<void> {
  await pool.query('update batchwright.upload set seen_at = now() where batch_id = any($1)', [batchIds]);
}

/**
 * False when the upload was given up, by this process or another. Others that want to give it up wait until
 * the transaction ends.
 */
export async function holdUpload(client: ClientBase, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query('select from batchwright.upload where batch_id = $1 for share', [
    batchId,
  ]);
  return rowCount === 1;
}

/** Ends the upload, together with the rest of the transaction. False when it has already ended. */
export async function deleteUpload(client: ClientBase, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query('delete from batchwright.upload where batch_id = $1', [batchId]);
  return rowCount === 1;
}

/** The uploads under these keys, and whether the process of each is alive. */
export async function findUploads(
  client: ClientBase,
  keys: readonly IdempotencyKey[],
): Promise<(IdempotencyKey & { batchId: string; isAlive: boolean })[]> {
  const { rows } = await client.query<IdempotencyKey & { batchId: string; isAlive: boolean }>({
    name: 'find-uploads',
    text: `select tenant, idempotency_key as key, batch_id as "batchId",
       seen_at > now() - make_interval(secs => $3) and not pg_try_advisory_xact_lock_shared($4, owner) as "isAlive"
     from batchwright.upload
     where (tenant, idempotency_key) in (select * from unnest($1::text[], $2::text[]))`,
    values: [keys.map(({ tenant }) => tenant), keys.map(({ key }) => key), STALE_SECONDS, PROCESS_LOCKS],
  });
  return rows;
}

/** Uploads of dead processes. */
export async function staleUploads(pool: Pool, limit: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select batch_id as id from batchwright.upload
     where seen_at < now() - make_interval(secs => $1) order by seen_at limit $2`,
    [STALE_SECONDS, limit],
  );
  return rows.map(({ id }) => id);
}

/**
 * Shows that the process is alive as long as the client is connected. False when another process has the
 * number.
 */
export async function holdProcessLock(client: ClientBase, owner: number): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [
    PROCESS_LOCKS,
    owner,
  ]);
  return rows[0]?.held ?? false;
}
