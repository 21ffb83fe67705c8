/** The last transaction of an upload, when the database connection is lost during it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toAsyncId } from '../../../src/domain/batch.ts';
import { ProcessLock } from '../../../src/pipeline/submit/process-lock.ts';
import type { BatchToStore } from '../../../src/pipeline/submit/store-batches.ts';
import { Uploads } from '../../../src/pipeline/submit/uploads.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import type { NewChunk } from '../../../src/store/new-chunks.ts';
import { wayThatIsCut } from '../../support/cut-commit.ts';
import { createDatabase } from '../../support/database.ts';
import { silentLog } from '../../support/silent-log.ts';

const database = await createDatabase({ after });
const { pool, url } = database;
const queue = await startQueue({
  url,
  queues: ['default'],
  applicationName: 'test queue',
  max: 2,
  log: silentLog,
});
after(() => queue.stop());

const BATCH: BatchToStore = {
  caller: { tenant: 'default', keyId: 'admin', permissions: ['*'] },
  total: 4,
  callbackUrl: null,
  actions: ['test.echo'],
  options: {},
  idempotency: null,
  retentionDays: 7,
};

const chunkOf = (number: number): NewChunk => ({
  number,
  firstIndex: number * 2,
  count: 2,
  queues: ['default'],
  actions: [null],
  invalid: [],
  jobs: [Buffer.from('{}'), Buffer.from('{}')],
  bytes: 4,
});

async function rows(batchId: string) {
  const count = async (table: string, column: string) =>
    (await pool.query(`select from batchwright.${table} where ${column} = $1`, [batchId])).rowCount;
  return {
    batches: await count('batch', 'id'),
    chunks: await count('chunk', 'batch_id'),
    uploads: await count('upload', 'batch_id'),
  };
}

for (const [cut, what] of [
  ['after', 'succeeds when the server had stored the batch, which keeps its jobs'],
  ['before', 'fails when the server had not stored the batch, and leaves nothing'],
] as const)
  test(`a commit whose answer is lost ${what}`, async (t) => {
    const way = await wayThatIsCut(t, url, cut);
    const copyPool = createPool({
      url: way.url,
      max: 2,
      applicationName: 'test copy',
      log: silentLog,
      forCopy: true,
    });
    const processLock = new ProcessLock({ url, applicationName: 'test process' });
    const uploads = new Uploads({ pool, copyPool, queue, processLock, log: silentLog });
    t.after(async () => {
      await uploads.close();
      await copyPool.end();
    });
    const upload = uploads.begin('default', undefined);
    await upload.add({ chunks: [chunkOf(0)], onStored() {} });
    const { rows: open } = await pool.query<{ id: string }>('select batch_id as id from batchwright.upload');
    const [{ id } = { id: '' }] = open;
    assert.deepEqual(await rows(id), { batches: 0, chunks: 1, uploads: 1 });
    way.armed = true;
    const committing = upload.commit(BATCH, chunkOf(1));
    if (cut === 'after') {
      assert.deepEqual(await committing, { asyncId: toAsyncId(id), isNew: true, ended: null });
      assert.deepEqual(await rows(id), { batches: 1, chunks: 2, uploads: 0 });
      // A late clean-up does not undo its result.
      assert.equal(await upload.abandon(), true);
      assert.deepEqual(await rows(id), { batches: 1, chunks: 2, uploads: 0 });
    } else {
      await assert.rejects(committing);
      assert.deepEqual(await rows(id), { batches: 0, chunks: 0, uploads: 0 });
    }
  });
