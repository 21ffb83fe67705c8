/** Requests whose jobs are stored while the rest of them is still being sent. */
import type { ClientBase, Pool } from 'pg';
import type { IdempotencyKey } from './submission.ts';

export interface NewUpload {
  batchId: string;
  /** The number of the process, as in `holdProcessLock`. */
  owner: number;
  tenant: string;
  idempotencyKey: string | undefined;
}

/** An upload that has not been renewed for so long is of a process that is gone. */
const STALE_SECONDS = 30;
/** Of advisory locks that stand for processes. */
const PROCESS_LOCKS = 20_814;

export async function insertUpload(client: ClientBase, upload: NewUpload): Promise<void> {
  await client.query(
    'insert into batchwright.upload (batch_id, owner, tenant, idempotency_key) values ($1, $2, $3, $4)',
    [upload.batchId, upload.owner, upload.tenant, upload.idempotencyKey ?? null],
  );
}

/** Keeps the uploads from being taken for those of a process that is gone. */
export async function renewUploads(pool: Pool, batchIds: readonly string[]): Promise<void> {
  await pool.query('update batchwright.upload set seen_at = now() where batch_id = any($1)', [batchIds]);
}

/** False when the upload was given up, by us or for us. Whoever would give it up waits until the transaction ends. */
export async function holdUpload(client: ClientBase, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query('select from batchwright.upload where batch_id = $1 for share', [
    batchId,
  ]);
  return rowCount === 1;
}

/** Ends the upload, with what it led to in the same transaction. False when it has ended already. */
export async function deleteUpload(client: ClientBase, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query('delete from batchwright.upload where batch_id = $1', [batchId]);
  return rowCount === 1;
}

/** The uploads under these keys, and whether the process of each lives. */
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

/** Uploads of processes that are gone. */
export async function staleUploads(pool: Pool, limit: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select batch_id as id from batchwright.upload
     where seen_at < now() - make_interval(secs => $1) order by seen_at limit $2`,
    [STALE_SECONDS, limit],
  );
  return rows.map(({ id }) => id);
}

/** Shows that the process lives, for as long as the client is connected. False when another has the number. */
export async function holdProcessLock(client: ClientBase, owner: number): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [
    PROCESS_LOCKS,
    owner,
  ]);
  return rows[0]?.held ?? false;
}
