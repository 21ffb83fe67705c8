/** Outgoing streams: clients that read slowly or go away, and errors in the middle. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import express from 'express';
import type { Pool } from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import { errorHandler } from '../../../src/http/error-handler.ts';
import { sendResults } from '../../../src/http/send-results.ts';
import { sendEvents } from '../../../src/http/v1/events.ts';
import type { BatchView } from '../../../src/pipeline/read/batch-view.ts';
import type { BatchEvent } from '../../../src/pipeline/read/batch-watch.ts';
import { NDJSON as NDJSON_FORM } from '../../../src/pipeline/read/result-lines.ts';
import { ResultStream } from '../../../src/pipeline/read/result-stream.ts';
import { TenantTurns } from '../../../src/pipeline/submit/tenant-turns.ts';
import { type LoopbackServer, startHttpServer } from '../../outbound/loopback.ts';
import { settled } from '../../support/settled.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { parseCsv } from '../body/csv.ts';
import { startServer } from '../server/http-server.ts';
import { echoes, NDJSON, postLines, toLines } from './support.ts';

const MEBIBYTE = 1024 * 1024;
const system = await startSystem({ after }, { worker: false });
const { pool } = system;

const SMALL = 1200;
const LARGE = 36;
/** 36 MB of results: many small responses, then enough large ones to make their page a burden. */
const asyncId = await endedBatch();

async function endedBatch(): Promise<string> {
  const { body } = await postLines(system, toLines(echoes(SMALL + LARGE)));
  await pool.query(
    `insert into batchwright.result (batch_id, index, status, response, attempts, finished_at)
     select $1, index, 'succeeded', to_json(repeat('x', case when index < $2 then 10 else 1000000 end)), 1, now()
     from generate_series(0, $3) as index`,
    [body.asyncId, SMALL, SMALL + LARGE - 1],
  );
  await pool.query(
    `update batchwright.batch set state = 'completed', succeeded = total, finished_at = now() where id = $1`,
    [body.asyncId],
  );
  return body.asyncId;
}

interface Asked {
  request: http.ClientRequest;
  response: http.IncomingMessage;
}

/** A GET on its own connection whose answer the test reads, at its own pace. */
async function ask(url: string, accept = NDJSON): Promise<Asked> {
  const request = http.get(url, {
    agent: false,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, accept },
  });
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.on('error', () => {});
  return { request, response };
}

const results = (accept = NDJSON) => ask(`${system.url}/v1/batches/${asyncId}/results`, accept);

/** The number of bytes until the end or the cut, and which it was. */
async function drained(response: http.IncomingMessage): Promise<{ bytes: number; complete: boolean }> {
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    bytes += part.length;
  });
  if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
  return { bytes, complete: response.complete };
}

/** Resolves when the API sends no more queries, and has no transaction open. */
async function quiet(): Promise<void> {
  const activity = async () => {
    const { rows } = await pool.query<{ last: Date | null; open: number }>(
      `select max(query_start) as last, count(xact_start) as open from pg_stat_activity
       where datname = current_database() and application_name = 'batchwright api'`,
    );
    const [{ last, open } = { last: null, open: -1 }] = rows;
    // While one is open the API is still working.
    return open === 0 ? last?.getTime() : performance.now();
  };
  await settled(activity, { forMs: 100, what: 'the API' });
}

describe('streams of results', () => {
  test('a stream is read in pages of a bounded size, whatever the sizes of the responses', async () => {
    const read: number[] = [];
    const client = {
      async query(statement: string) {
        const answer = await pool.query<{ responses?: string }>(statement);
        read.push(answer.rows.reduce((bytes, { responses = '' }) => bytes + responses.length, 0));
        return answer;
      },
    } as unknown as Pool;
    const stream = new ResultStream(client, toBatchId(asyncId), NDJSON_FORM);
    const sizes: number[] = [];
    let lines = 0;
    for (let piece = await stream.next(); piece; piece = await stream.next()) {
      lines += piece.toString('latin1').split('\n').length - 1;
      sizes.push(piece.length);
    }
    assert.equal(lines, SMALL + LARGE);
    assert.ok(Math.max(...read) <= 3.1 * MEBIBYTE, `${Math.max(...read)} bytes were read at once`);
    assert.ok(Math.max(...sizes) <= 3.1 * MEBIBYTE, `${Math.max(...sizes)} bytes in a page`);
    assert.ok(read.length < LARGE, `${read.length} queries`);
  });

  test('a stream waits for a client that reads slowly, without a transaction, and is complete in the end', async () => {
    const { response } = await results('text/csv');
    await once(response, 'readable');
    await quiet();
    // Others are served meanwhile, more than there are connections.
    const others = await Promise.all(
      Array.from({ length: 12 }, () => system.request(`/v1/batches/${asyncId}`)),
    );
    assert.ok(others.every(({ status }) => status === 200));
    const records = parseCsv(await text(response));
    assert.equal(records.length, SMALL + LARGE + 1);
    assert.deepEqual(
      records.slice(1).map(([index]) => Number(index)),
      Array.from({ length: SMALL + LARGE }, (_, n) => n),
    );
  });

  for (const [stage, read] of [
    ['at once', async () => {}],
    ['after the first bytes', async (response: http.IncomingMessage) => void (await once(response, 'data'))],
    [
      'in the middle',
      async (response: http.IncomingMessage) => {
        let bytes = 0;
        for await (const part of response.iterator({ destroyOnReturn: false })) {
          bytes += part.length;
          if (bytes > 12 * MEBIBYTE) break;
        }
      },
    ],
  ] as const)
    test(`a stream ends when its client goes away ${stage}`, async () => {
      for (let round = 0; round < 12; round++) {
        const { request, response } = await results();
        await read(response);
        if (round % 2) request.destroy();
        else request.socket?.resetAndDestroy();
        if (stage === 'in the middle' && round === 2) break;
      }
      await quiet();
      const { status, body } = await system.request(`/v1/batches/${asyncId}/results?limit=1`);
      assert.deepEqual([status, body.data.length], [200, 1]);
    });

  test('a stream that fails in the middle is cut off, so that it does not look complete', async () => {
    const { response } = await results();
    await once(response, 'readable');
    await quiet();
    await pool.query('alter table batchwright.result rename to result_away');
    try {
      const { complete } = await drained(response);
      assert.equal(complete, false);
      const { status } = await system.request(`/v1/batches/${asyncId}/results`);
      assert.equal(status, 500);
    } finally {
      await pool.query('alter table batchwright.result_away rename to result');
    }
  });
});

describe('sendResults', () => {
  /** A server that sends 100 pieces of 1 MiB, or the pieces of the function. */
  async function serve(t: TestContext, next?: () => Promise<Buffer | null>) {
    const state = { made: 0, dropped: [] as (number | undefined)[], closed: 0, failed: [] as unknown[] };
    const source = {
      async next() {
        return state.made < 100 ? Buffer.alloc(MEBIBYTE, `${state.made++ % 10}`) : null;
      },
      ...(next && { next }),
      drop: (taken?: number) => void state.dropped.push(taken),
      close: () => void state.closed++,
    };
    const app = express();
    const turns = new TenantTurns(1);
    app.get('/', (_request, response) => sendResults(response, source, { turns, tenant: 'default' }));
    const log = {
      debug() {},
      info() {},
      warn() {},
      error: (entry: unknown) => void state.failed.push(entry),
    };
    app.use(errorHandler(log as Parameters<typeof errorHandler>[0]));
    const server: LoopbackServer = await startHttpServer(t, app);
    return Object.assign(state, { url: server.url, turns });
  }

  test('sendResults makes no more pieces than a client reads, and gives up its turn when the client pauses', async (t) => {
    const server = await serve(t);
    const { response } = await ask(server.url);
    await once(response, 'readable');
    const stopped = await settled(async () => server.made, { forMs: 100, what: 'what was made' });
    assert.ok(stopped < 30, `${stopped} MiB were made`);
    // The only turn is free.
    await server.turns.take('default', async () => {});
    assert.equal(server.dropped.length, 1);
    // The source of this test does not read dropped pieces again.
    const lost = (server.made > 0 ? MEBIBYTE : 0) - (server.dropped[0] ?? 0);
    const { bytes, complete } = await drained(response);
    assert.deepEqual([bytes, complete, server.closed], [100 * MEBIBYTE - lost, true, 1]);
  });

  test('sendResults closes its source when the client goes away, without an error', async (t) => {
    const server = await serve(t);
    const { request, response } = await ask(server.url);
    await once(response, 'readable');
    request.destroy();
    await waitFor(async () => server.closed === 1, { what: 'the source to be closed' });
    assert.ok(server.made < 100);
    assert.deepEqual(server.failed, []);
  });

  test('sendResults closes its source when the client goes away before the first piece', async (t) => {
    let begin = () => {};
    const begins = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const server = await serve(t, async () => {
      await begins;
      return Buffer.from('x');
    });
    const asked = http.get(server.url, { agent: false });
    asked.on('error', () => {});
    const [socket] = await once(asked, 'socket');
    await once(socket, 'connect');
    // Another request, on its own connection, is served after the first has been read.
    await once(http.request(`${server.url}/nothing`, { agent: false }).end(), 'response');
    asked.destroy();
    await once(http.request(`${server.url}/nothing`, { agent: false }).end(), 'response');
    begin();
    await waitFor(async () => server.closed === 1, { what: 'the source to be closed' });
    assert.deepEqual(server.failed, []);
  });

  test('sendResults answers an error before the first piece, and cuts off after a later one', async (t) => {
    const early = await serve(t, async () => {
      throw new Error('early');
    });
    assert.equal((await fetch(early.url)).status, 500);
    let made = 0;
    const late = await serve(t, async () => {
      await new Promise(setImmediate); // as the database would
      if (made++ > 0) throw new Error('late');
      return Buffer.from('x');
    });
    const { response } = await ask(late.url);
    assert.deepEqual(await drained(response), { bytes: 1, complete: false });
    assert.equal(late.failed.length, 1);
  });
});

test('a listener that does not read has at most one event waiting, and is disconnected', async (t) => {
  const batch = { asyncId, state: 'running' } as BatchView;
  let tell: (event: BatchEvent) => void = () => {};
  let left = 0;
  let waiting = 0;
  const watch = {
    subscribe(_batchId: string, listener: (event: BatchEvent) => void) {
      tell = listener;
      return () => void left++;
    },
    close() {},
  };
  const app = express();
  app.get('/', (request, response) => {
    sendEvents(watch, batch, request, response);
    setInterval(() => {
      waiting = Math.max(waiting, response.writableLength);
    }, 5).unref();
  });
  const server = await startServer(t, app, { readMs: 1000, everyMs: 20 });
  const { response } = await ask(server.url, 'text/event-stream');
  const data = JSON.stringify('x'.repeat(MEBIBYTE));
  await waitFor(
    async () => {
      tell({ name: 'progress', id: 'a', data });
      return left === 1;
    },
    { what: 'the listener to be let go' },
  );
  assert.ok(waiting < 3 * MEBIBYTE, `${waiting} bytes waited`);
  const { complete } = await drained(response);
  assert.equal(complete, false);
});

test('a listener that paused gets the latest state when it reads again, and the end', async (t) => {
  const batch = { asyncId, state: 'running' } as BatchView;
  let tell: (event: BatchEvent) => void = () => {};
  const watch = {
    subscribe(_batchId: string, listener: (event: BatchEvent) => void) {
      tell = listener;
      return () => {};
    },
    close() {},
  };
  let answer: express.Response | undefined;
  const app = express();
  app.get('/', (request, response) => {
    answer = response;
    sendEvents(watch, batch, request, response);
  });
  const server = await startServer(t, app);
  const { response } = await ask(server.url, 'text/event-stream');
  const data = JSON.stringify('x'.repeat(MEBIBYTE));
  for (let n = 0; !answer?.writableNeedDrain; n++) {
    tell({ name: 'progress', id: `early ${n}`, data });
    await new Promise(setImmediate);
  }
  for (let n = 0; n < 100; n++) tell({ name: 'progress', id: `late ${n}`, data });
  const reading = text(response);
  await waitFor(async () => !answer?.writableNeedDrain, { what: 'the listener to read' });
  tell({ name: 'finished', id: 'end', data });
  const ids = [...(await reading).matchAll(/^id: (.*)$/gm)].map(([, id]) => id);
  assert.deepEqual(ids.slice(-2), ['late 99', 'end']);
  assert.equal(ids.filter((id) => id?.startsWith('late')).length, 1);
});
