/**
 * A database as the first release left it: its migrations, and rows and messages as that release wrote them.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { PgBoss } from 'pg-boss';
import { migrate } from '../../src/postgres/migrate.ts';
import { withClient } from '../support/server.ts';
import { silentLog as log } from '../support/silent-log.ts';
import { createEmptyDatabase } from './empty-database.ts';
import { ROOT } from './product.ts';

const MIGRATIONS = ['001_batches', '002_signing', '003_reposts'];
const QUEUES = ['jobs.default', 'quarantine.default', 'callbacks'];

/** A batch with one chunk for each list of jobs. */
export interface OldBatch {
  chunks: object[][];
  /** When it has ended: the result of every job. */
  ended?: { status: 'succeeded' | 'failed'; callbackUrl?: string };
}

export interface OldMessage {
  queue: string;
  group: string;
  data: object;
  /** `active` is claimed by a worker that is dead. */
  state?: 'created' | 'active';
  delaySeconds?: number;
}

/** Its address; dropped when the test ends. */
export async function createOldDatabase(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const url = await createEmptyDatabase(t);
  const directory = await mkdtemp(join(tmpdir(), 'batchwright-first-release-'));
  try {
    for (const name of MIGRATIONS)
      await cp(join(ROOT, `src/store/migrations/${name}.sql`), join(directory, `${name}.sql`));
    await migrate({ url, schema: 'batchwright', directory, log });
  } finally {
    await rm(directory, { recursive: true });
  }
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  for (const queue of QUEUES)
    await boss.createQueue(queue, { retryLimit: 100_000, retryDelay: 0, heartbeatSeconds: 10 });
  await boss.stop({ graceful: false });
  await withClient(url, async (client) => {
    await client.query('alter table batchwright.migration drop column checksum');
    await client.query(
      `insert into batchwright.tenant (name, callback_secret) values ('default', 'whsec_c2VjcmV0')`,
    );
  });
  return url;
}

/** Returns the batch's id in the form used in messages. */
export async function storeBatch(client: pg.Client, { chunks, ended }: OldBatch): Promise<string> {
  const total = chunks.flat().length;
  const { rows } = await client.query<{ id: string }>(
    `insert into batchwright.batch (id, tenant, key_id, total, callback_url, options, expires_at)
     values (batchwright.new_batch_id(), 'default', 'admin', $1, $2, '{}', now() + interval '7 days') returning id`,
    [total, ended?.callbackUrl],
  );
  const id = rows[0]?.id as string;
  for (const [number, jobs] of chunks.entries())
    await client.query(
      `insert into batchwright.chunk (batch_id, number, first_index, count, queues, jobs)
       values ($1, $2, $3, $4, '{default}', $5)`,
      [id, number, chunks.slice(0, number).flat().length, jobs.length, JSON.stringify(jobs)],
    );
  if (ended) await end(client, id, ended);
  return id;
}

async function end(
  client: pg.Client,
  id: string,
  { status, callbackUrl }: NonNullable<OldBatch['ended']>,
): Promise<void> {
  await client.query(
    `insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
     select id, index, $2, '{}', 1, now(), now()
     from batchwright.batch, generate_series(0, total - 1) as index where id = $1`,
    [id, status],
  );
  await client.query(
    `update batchwright.batch set state = 'completed', started_at = now(), finished_at = now(), ${status} = total,
       callback_state = case when callback_url is not null then 'pending'::batchwright.callback_state end
     where id = $1`,
    [id],
  );
  if (callbackUrl === undefined) return;
  await client.query(
    `insert into batchwright.delivery (batch_id, number, generation, trigger, status, duration_ms)
     values ($1, 1, 1, 'completion', 500, 3)`,
    [id],
  );
  await client.query('update batchwright.batch set callback_attempts = 1 where id = $1', [id]);
}

export async function storeMessage(
  client: pg.Client,
  { queue, group, data, state = 'created', delaySeconds = 0 }: OldMessage,
): Promise<void> {
  await client.query(
    `insert into pgboss.job
       (name, group_id, data, state, start_after, retry_limit, heartbeat_seconds, started_on, heartbeat_on, keep_until)
     select $1, $2, $3, $4::pgboss.job_state, now() + make_interval(secs => $5), 100000, 10, begun_at, begun_at,
       now() + interval '30 days'
     from (select case when $4 = 'active' then now() - interval '1 minute' end as begun_at) as message`,
    [queue, group, JSON.stringify(data), state, delaySeconds],
  );
}
