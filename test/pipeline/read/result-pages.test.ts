import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { ResultStatus } from '../../../src/domain/outcome.ts';
import {
  RestartedError,
  type ResultRange,
  readResultPages,
} from '../../../src/pipeline/read/result-pages.ts';
import { transaction } from '../../../src/postgres/transaction.ts';
import { encodeChunk, insertChunks } from '../../../src/store/new-chunks.ts';
import { insertBatches, newBatchIds } from '../../../src/store/submission.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { settled } from '../../support/settled.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  pool = database.pool;
});
after(() => database.drop());

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n);
const echo = (n: number) => `{"namespace":"test","action":"echo","params":{"n":${n}}}`;

/** An ended batch with chunks of these sizes; jobs whose index `failed` names have failed. */
function endedBatch(chunks: number[], { failed = [] as number[], job = echo } = {}): Promise<string> {
  return transaction(pool, async (client) => {
    const [id = ''] = await newBatchIds(client, 1);
    const queues = ['default'];
    let total = 0;
    for (const [number, count] of chunks.entries()) {
      const jobs = upTo(count, total).map((n) => Buffer.from(job(n)));
      await insertChunks(client, [
        {
          batchId: id,
          chunk: await encodeChunk({
            number,
            firstIndex: total,
            count,
            queues,
            actions: [null],
            invalid: [],
            jobs,
            bytes: 0,
          }),
        },
      ]);
      total += count;
    }
    await insertBatches(client, [
      {
        id,
        tenant: 'default',
        keyId: 'admin',
        total,
        callbackUrl: null,
        actions: [],
        options: { skipInvalid: false },
        idempotency: null,
        retentionDays: 7,
      },
    ]);
    await client.query(
      `insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
       select $1, index, (case when index = any($3) then 'failed' else 'succeeded' end)::batchwright.result_status,
         to_json(index), 1, now(), now()
       from generate_series(0, $2 - 1) as index`,
      [id, total, failed],
    );
    return id;
  });
}

/** The pool, and its queries; `answers` may replace an answer by an error. */
function watched(answers: (query: number) => Error | null = () => null) {
  const asked: { rows: { body: Buffer | null }[] }[] = [];
  let queries = 0;
  const client = {
    async query(statement: string) {
      const error = answers(++queries);
      if (error) throw error;
      const answer = await pool.query(statement);
      asked.push(answer);
      return answer;
    },
  } as unknown as Pool;
  return { client, asked, queries: () => queries };
}

async function read(id: string, range: ResultRange = {}, client = pool) {
  const results = [];
  for await (const page of readResultPages(client, id, range)) {
    assert.ok(page.length > 0);
    results.push(...page);
  }
  return results;
}

const indexes = (results: { index: number }[]) => results.map(({ index }) => index);

describe('reading results', () => {
  test('results come in request order, each with its own job, from chunks of any size', async () => {
    const chunks = [3, 1, 1200, 7, 2600];
    const total = 3 + 1 + 1200 + 7 + 2600;
    const { client, asked } = watched();
    const results = await read(await endedBatch(chunks), {}, client);
    assert.deepEqual(indexes(results), upTo(total));
    for (const { index, request, response, namespace, action, id } of results)
      assert.deepEqual(
        [request, response, namespace, action, id],
        [`{"n":${index}}`, `${index}`, '"test"', '"echo"', undefined],
      );
    // The jobs of a chunk are read once.
    assert.equal(asked.filter(({ rows }) => rows[0]?.body).length, chunks.length);
    assert.ok(asked.length <= 12, `${asked.length} queries`);
  });

  test('a range of results may begin and end anywhere', async () => {
    const id = await endedBatch([40, 40, 40]);
    for (const [fromIndex, limit, expected] of [
      [0, 1, [0]],
      [39, 3, [39, 40, 41]],
      [77, 90, upTo(43, 77)],
      [119, 1, [119]],
      [120, 1, []],
      [2 ** 31 - 1, 1, []],
    ] as const)
      assert.deepEqual(indexes(await read(id, { fromIndex, limit })), expected);
    assert.equal((await read(id, { fromIndex: 78 }))[0]?.request, '{"n":78}');
  });

  test('results of one status are found in any chunk, and chunks without one are skipped', async () => {
    const failed = [1, 39, 200, 201, 299];
    const id = await endedBatch(
      Array.from({ length: 10 }, () => 30),
      { failed },
    );
    const { client, asked, queries } = watched();
    const status: ResultStatus = 'failed';
    const results = await read(id, { filter: { status } }, client);
    assert.deepEqual(indexes(results), failed);
    assert.deepEqual(
      results.map(({ request }) => request),
      failed.map((n) => `{"n":${n}}`),
    );
    assert.equal(asked.filter(({ rows }) => rows[0]?.body).length, 4);
    assert.ok(queries() <= 5, `${queries()} queries`);
    assert.deepEqual(indexes(await read(id, { filter: { status }, fromIndex: 2, limit: 2 })), [39, 200]);
    assert.deepEqual(await read(id, { filter: { status: 'cancelled' } }), []);
  });

  test('results are on one line each on request, and otherwise laid out as they were sent', async () => {
    const job = (n: number) => `\r\n{\n  "action": "echo",\r  "params": {\n"n": ${n}, "s": "a\\nb"\t}\n}\n`;
    const id = await endedBatch([2], { job });
    assert.deepEqual(
      (await read(id)).map(({ request }) => request),
      ['{\n"n": 0, "s": "a\\nb"\t}', '{\n"n": 1, "s": "a\\nb"\t}'],
    );
    assert.equal((await read(id, { onOneLine: true }))[1]?.request, '{ "n": 1, "s": "a\\nb"\t}');
  });
});

describe('reading ahead', () => {
  test('only the next page is read while the current one is used', async () => {
    const { client, queries } = watched();
    const pages = readResultPages(client, await endedBatch([3000]));
    await pages.next();
    assert.equal(await settled(async () => queries(), { forMs: 50, what: 'what is read ahead' }), 2);
    await pages.next();
    assert.equal(await settled(async () => queries(), { forMs: 50, what: 'what is read ahead' }), 3);
    await pages.return(undefined);
    assert.equal(await settled(async () => queries(), { forMs: 50, what: 'what is read ahead' }), 3);
  });

  test('an error of the next page is thrown when that page is requested, and never otherwise', async () => {
    const id = await endedBatch([3000]);
    const lost = () => watched((query) => (query === 2 ? new Error('lost') : null)).client;
    const pages = readResultPages(lost(), id);
    assert.equal((await pages.next()).value?.length, 50);
    await immediate();
    await assert.rejects(pages.next(), { message: 'lost' });

    const left = readResultPages(lost(), id);
    await left.next();
    await immediate();
    await left.return(undefined);
  });
});

describe('results of one generation', () => {
  test('results of one generation are read to the end when there is no restart', async () => {
    const id = await endedBatch([60]);
    assert.equal((await read(id, { generation: 1 })).length, 60);
  });

  test('a restart before the last page makes the reading of results throw', async () => {
    const id = await endedBatch([3000]);
    const pages = readResultPages(pool, id, { generation: 1 });
    await pages.next();
    await pages.next();
    await pool.query('update batchwright.batch set generation = 2 where id = $1', [id]);
    const rest = async () => {
      for await (const _page of pages);
    };
    await assert.rejects(rest(), RestartedError);
    await assert.rejects(read(id, { generation: 1 }), RestartedError);
  });

  test('a restart that deletes all results makes the reading throw, rather than end', async () => {
    const id = await endedBatch([2]);
    await pool.query('delete from batchwright.result where batch_id = $1', [id]);
    await assert.rejects(read(id, { generation: 1 }), RestartedError);
    assert.deepEqual(await read(id), []);
  });
});
