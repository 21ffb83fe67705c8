/** Batches that are stored together: an error of one does not affect the others. */
import assert from 'node:assert/strict';
import { after, afterEach, describe, test } from 'node:test';
import type { Pool } from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import { SmallBatches } from '../../../src/pipeline/submit/small-batches.ts';
import type { BatchToStore, Stored } from '../../../src/pipeline/submit/store-batches.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import { type EncodedChunk, encodeChunk, type NewChunk } from '../../../src/store/new-chunks.ts';
import { createDatabase } from '../../support/database.ts';
import { silentLog } from '../../support/silent-log.ts';
import { storedJobsText } from '../../support/stored-jobs.ts';

const database = await createDatabase({ after });
const { pool, url } = database;
const queue = await startQueue({
  url,
  queues: ['default', 'other'],
  applicationName: 'test queue',
  max: 2,
  log: silentLog,
});
after(() => queue.stop());

function batchOf(
  batch: Partial<BatchToStore> & { key?: string; digest?: string; tenant?: string } = {},
): BatchToStore {
  const { key, digest = 'digest', tenant = 'default', ...rest } = batch;
  return {
    caller: { tenant, keyId: 'admin', permissions: ['*'] },
    total: 2,
    callbackUrl: null,
    actions: ['test.echo', 'test.fail'],
    options: { skipInvalid: true },
    idempotency: key === undefined ? null : { key, digest: Buffer.from(digest) },
    retentionDays: 7,
    ...rest,
  };
}

function chunkOf(jobs: string[], more: Partial<NewChunk> = {}): NewChunk {
  const buffers = jobs.map((job) => Buffer.from(job));
  return {
    number: 0,
    firstIndex: 0,
    count: jobs.length,
    queues: ['default'],
    actions: [null],
    invalid: [],
    jobs: buffers,
    bytes: Buffer.concat(buffers).length,
    ...more,
  };
}

const JOBS = chunkOf(['{"n":1}', '{"n":2}']);

/** The number of transactions that wrote these batches. */
async function transactionsOf(asyncIds: readonly string[]): Promise<number> {
  const { rows } = await pool.query(
    'select count(distinct xmin::text) as count from batchwright.batch where id = any($1)',
    [asyncIds.map(toBatchId)],
  );
  return rows[0].count;
}

async function messagesOf(asyncId: string): Promise<string[]> {
  const { rows } = await pool.query(`select name from pgboss.job where data->>'batch' = $1 order by name`, [
    toBatchId(asyncId),
  ]);
  return rows.map(({ name }) => name);
}

async function stored(): Promise<{ batches: number; chunks: number; messages: number }> {
  const { rows } = await pool.query(
    `select (select count(*) from batchwright.batch) as batches, (select count(*) from batchwright.chunk) as chunks,
       (select count(*) from pgboss.job) as messages`,
  );
  return rows[0];
}

/** Stores them all at once, as one group. */
async function storeAll(
  batches: SmallBatches,
  entries: { batch?: BatchToStore; chunk?: NewChunk }[],
): Promise<PromiseSettledResult<Stored>[]> {
  const chunks = await Promise.all(entries.map(({ chunk = JOBS }) => encodeChunk(chunk)));
  return Promise.allSettled(
    entries.map(({ batch = batchOf() }, at) => batches.store(batch, chunks[at] as EncodedChunk)),
  );
}

const outcomes = (answers: PromiseSettledResult<Stored>[]) =>
  answers.map((answer) =>
    answer.status === 'fulfilled' ? 'stored' : (answer.reason.kind ?? answer.reason.code),
  );

describe('small batches that arrive together', () => {
  afterEach(async () => {
    await pool.query('truncate batchwright.batch, batchwright.chunk, batchwright.result');
    await pool.query('delete from pgboss.job');
  });

  test('small batches are stored in few transactions, each with its own jobs, messages and members', async () => {
    const batches = new SmallBatches({ pool, queue });
    const entries = Array.from({ length: 30 }, (_, n) => ({
      batch: batchOf({ tenant: `tenant ${n}`, callbackUrl: `https://a.test/${n}`, key: `key ${n}` }),
      chunk: chunkOf([`{"n": ${n}, "s":"\\u0000 ü"}`, '"\\ud800"'], {
        queues: n % 2 ? ['default', 'other'] : ['default'],
      }),
    }));
    const asyncIds = (await storeAll(batches, entries)).map((answer) => {
      assert.equal(answer.status, 'fulfilled');
      return (answer as PromiseFulfilledResult<Stored>).value.asyncId;
    });
    assert.equal(new Set(asyncIds).size, 30);
    assert.equal(await transactionsOf(asyncIds), 1);
    for (const [n, asyncId] of asyncIds.entries()) {
      const { rows } = await pool.query(
        `select tenant, callback_url, idempotency_key, idempotency_digest, options, actions, queues
         from batchwright.batch join batchwright.chunk on batch_id = id where id = $1`,
        [toBatchId(asyncId)],
      );
      assert.deepEqual(rows, [
        {
          tenant: `tenant ${n}`,
          callback_url: `https://a.test/${n}`,
          idempotency_key: `key ${n}`,
          idempotency_digest: Buffer.from('digest'),
          options: '{"skipInvalid":true}',
          actions: ['test.echo', 'test.fail'],
          queues: n % 2 ? ['default', 'other'] : ['default'],
        },
      ]);
      assert.deepEqual(await storedJobsText(pool, asyncId), [`[{"n": ${n}, "s":"\\u0000 ü"},"\\ud800"]`]);
      assert.deepEqual(await messagesOf(asyncId), n % 2 ? ['jobs.default', 'jobs.other'] : ['jobs.default']);
    }
  });

  test('small batches keep the errors of refused jobs, and those with only refused jobs have ended', async () => {
    const batches = new SmallBatches({ pool, queue });
    const refused = chunkOf(['1', '2'], {
      queues: [],
      invalid: [
        { index: 0, error: '{"message":"\\u0000"}' },
        { index: 1, error: '{"message":"ü"}' },
      ],
    });
    const answers = await storeAll(batches, [{}, {}, { chunk: refused }, {}]);
    assert.deepEqual(outcomes(answers), ['stored', 'stored', 'stored', 'stored']);
    assert.deepEqual(
      answers.map((answer) => (answer as PromiseFulfilledResult<Stored>).value.ended?.state),
      [undefined, undefined, 'completed', undefined],
      'only the third has ended',
    );
    const { rows } = await pool.query(
      'select batch_id, index, status, response from batchwright.result order by index',
    );
    const batchId = toBatchId((answers[2] as PromiseFulfilledResult<Stored>).value.asyncId);
    assert.deepEqual(rows, [
      { batch_id: batchId, index: 0, status: 'failed', response: '{"message":"\\u0000"}' },
      { batch_id: batchId, index: 1, status: 'failed', response: '{"message":"ü"}' },
    ]);
    const ended = await pool.query(`select id from batchwright.batch where state = 'completed'`);
    assert.deepEqual(ended.rows, [{ id: batchId }]);
  });

  test('of small batches with the same Idempotency-Key one is stored and the later ones are busy', async () => {
    const batches = new SmallBatches({ pool, queue });
    const batch = batchOf({ key: 'twice' });
    const answers = await storeAll(batches, [
      {},
      {},
      { batch },
      {},
      { batch },
      { batch: batchOf({ key: 'twice', tenant: 'other' }) },
    ]);
    assert.deepEqual(outcomes(answers), [
      'stored',
      'stored',
      'stored',
      'stored',
      'idempotencyBusy',
      'stored',
    ]);
  });

  test('small batches with a stored Idempotency-Key get its asyncId, or an error for another body, and store nothing', async () => {
    const batches = new SmallBatches({ pool, queue });
    const first = await batches.store(batchOf({ key: 'known' }), await encodeChunk(JOBS));
    const before = await stored();
    const answers = await storeAll(batches, [
      { batch: batchOf({ key: 'known' }) },
      { batch: batchOf({ key: 'known', digest: 'another' }) },
    ]);
    assert.deepEqual(answers[0], { status: 'fulfilled', value: { ...first, isNew: false } });
    assert.deepEqual(outcomes(answers), ['stored', 'idempotencyMismatch']);
    const grouped = await storeAll(batches, [
      {},
      {},
      { batch: batchOf({ key: 'known', digest: 'another' }) },
      {},
    ]);
    assert.deepEqual(outcomes(grouped), ['stored', 'stored', 'idempotencyMismatch', 'stored']);
    assert.deepEqual(await stored(), {
      batches: before.batches + 3,
      chunks: before.chunks + 3,
      messages: before.messages + 3,
    });
  });

  test('a small batch that Postgres refuses is refused alone', async () => {
    const batches = new SmallBatches({ pool, queue });
    // A tenant's name with a character that Postgres cannot store.
    const batch = batchOf({ tenant: 'a\u0000b' });
    const answers = await storeAll(batches, [{}, {}, {}, { batch }, {}]);
    assert.deepEqual(outcomes(answers), ['stored', 'stored', 'stored', '22P05', 'stored']);
    assert.deepEqual(await stored(), { batches: 4, chunks: 4, messages: 4 });
  });

  test('small batches fail together while the database is away, each once', async (t) => {
    const away = createPool({
      url: 'postgres://127.0.0.1:1/none',
      max: 4,
      applicationName: 'test away',
      log: silentLog,
    });
    t.after(() => away.end());
    let connections = 0;
    const counting: Pool = Object.assign(Object.create(away), {
      connect() {
        connections++;
        return away.connect();
      },
    });
    const answers = await storeAll(new SmallBatches({ pool: counting, queue }), [{}, {}, {}, {}, {}]);
    assert.deepEqual(outcomes(answers), Array(5).fill('ECONNREFUSED'));
    assert.equal(connections, 1);
  });
});
