/** `POST /v1/batches`: accepted and refused requests, and the answers. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { storedJobsText } from '../../support/stored-jobs.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { storedRows } from '../stored-rows.ts';
import {
  assertProblem,
  echo,
  echoes,
  NDJSON,
  openUploads,
  postBatch,
  postLines,
  storedJobs,
  strangerOf,
  toLines,
} from './support.ts';

const MEBIBYTE = 1024 * 1024;
const MAX_BODY_BYTES = MEBIBYTE;
const MAX_JOB_BYTES = 11 * MEBIBYTE;
const MAX_NDJSON_JOBS = 20_000;
const system = await startSystem(
  { after },
  {
    worker: false,
    env: {
      MAX_BODY_BYTES: String(MAX_BODY_BYTES),
      MAX_JOB_BYTES: String(MAX_JOB_BYTES),
      MAX_JOBS_PER_BATCH: '1500',
      MAX_NDJSON_JOBS: String(MAX_NDJSON_JOBS),
    },
  },
);
const { pool } = system;

/** Asserts that the request is refused and leaves no row behind; returns the problem. */
async function assertRefused(send: () => Promise<Answer>, status: number, detail?: RegExp) {
  const before = await storedRows(pool);
  const problem = assertProblem(await send(), status, detail);
  assert.deepEqual(await storedRows(pool), before, 'something was stored');
  return problem;
}

function assertTaken({ status, body }: Answer, total: number): string {
  assert.equal(status, 202, JSON.stringify(body));
  assert.equal(body.counts.total, total);
  return body.asyncId;
}

describe('accepted batches', () => {
  for (const [form, send] of [
    ['JSON', () => postBatch(system, { jobs: echoes(3) })],
    ['NDJSON', () => postLines(system, toLines(echoes(3)))],
  ] as const)
    test(`an accepted batch is 202 with its Location and the whole batch (${form})`, async () => {
      const { status, headers, body } = await send();
      assert.equal(status, 202);
      assert.match(body.asyncId, /^[0-9a-f]{32}$/);
      assert.equal(headers.get('location'), `/v1/batches/${body.asyncId}`);
      assert.match(headers.get('content-type') ?? '', /^application\/json\b/);
      const { asyncId, createdAt, expiresAt, ...rest } = body;
      assert.deepEqual(rest, {
        state: 'queued',
        counts: {
          total: 3,
          pending: 3,
          waiting: 0,
          running: 0,
          succeeded: 0,
          failed: 0,
          cancelled: 0,
          skipped: 0,
        },
        progress: 0,
        actions: ['test.echo'],
        active: [],
        startedAt: null,
        finishedAt: null,
        callback: null,
      });
      assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 7 * 24 * 60 * 60 * 1000);
      assert.deepEqual((await system.request(`/v1/batches/${asyncId}`)).body, body);
      assert.deepEqual(await storedJobs(pool, asyncId), echoes(3));
    });

  test('a batch has its callback and its options from the body, or from the query of lines', async () => {
    const url = 'http://127.0.0.1:9/hook?a=b&c=d';
    const jobs = [echo(1), echo('x')];
    const options = { skipInvalid: true };
    const query = `?skipInvalid=true&callbackUrl=${encodeURIComponent(url)}`;
    for (const { status, body } of [
      await postBatch(system, { jobs, callbackUrl: url, options }),
      await postLines(system, toLines(jobs), { query }),
    ]) {
      assert.equal(status, 202);
      assert.deepEqual(body.callback, { url, state: 'pending', attempts: 0 });
      assert.deepEqual([body.counts.pending, body.counts.failed], [1, 1]);
    }
  });

  test('a batch may have more jobs and bytes as lines than as JSON, up to MAX_NDJSON_JOBS', async () => {
    const jobs = echoes(MAX_NDJSON_JOBS);
    const body = toLines(jobs);
    assert.ok(body.length > MAX_BODY_BYTES);
    const asyncId = assertTaken(await postLines(system, body), MAX_NDJSON_JOBS);
    assert.deepEqual(await storedJobs(pool, asyncId), jobs);
    const most = `The maximum number of jobs that can be put on a single request is`;
    const problem = await assertRefused(() => postLines(system, `${body}${toLines([echo(0)])}`), 400);
    assert.deepEqual([problem.detail, problem.specificCode], [`${most} ${MAX_NDJSON_JOBS}`, 24448]);
    const asJson = await assertRefused(() => postBatch(system, { jobs: echoes(1501) }), 400);
    assert.deepEqual([asJson.detail, asJson.specificCode], [`${most} 1500`, 24448]);
    await assertRefused(() => postBatch(system, { jobs: echoes(MAX_NDJSON_JOBS) }), 413);
  });

  for (const type of [
    NDJSON,
    `${NDJSON}; charset=utf-8`,
    `${NDJSON};charset="UTF-8"`,
    'Application/X-NDJSON',
  ])
    test(`a batch of lines may be sent as ${type}`, async () => {
      const answer = await postLines(system, toLines(echoes(2)), { headers: { 'content-type': type } });
      assertTaken(answer, 2);
    });

  test('a batch is read as JSON under every other content type', async () => {
    for (const type of ['application/json; charset=utf-8', 'text/plain', 'application/octet-stream'])
      assertTaken(await postBatch(system, { jobs: echoes(2) }, { 'content-type': type }), 2);
  });

  test('a batch may have a job of 10 MiB, on a line and in JSON', async () => {
    const large = echo(1, { text: 'x'.repeat(10 * MEBIBYTE) });
    const asyncId = assertTaken(await postLines(system, toLines([echo(0), large, echo(2)])), 3);
    assert.deepEqual(await storedJobs(pool, asyncId), [echo(0), large, echo(2)]);
  });
});

describe('Lines', () => {
  for (const [what, body] of [
    ['with carriage returns', toLines(echoes(3)).replaceAll('\n', '\r\n')],
    ['with empty ones between', `\n\n${toLines(echoes(3)).replaceAll('\n', '\n \t\n\n')}\n`],
    ['without an end on the last', toLines(echoes(3)).trimEnd()],
    ['after a byte-order mark', `\ufeff${toLines(echoes(3))}`],
    ['with white space around them', toLines(echoes(3)).replaceAll(/^|$/gm, ' \t')],
  ] as const)
    test(`lines are accepted ${what}`, async () => {
      const asyncId = assertTaken(await postLines(system, body), 3);
      assert.deepEqual(await storedJobs(pool, asyncId), echoes(3));
    });

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['identity', Buffer.from],
  ] as const)
    test(`lines are accepted in ${encoding}`, async () => {
      const body = compress(Buffer.from(toLines(echoes(2500))));
      const answer = await postLines(system, body, { headers: { 'content-encoding': encoding } });
      assert.deepEqual(await storedJobs(pool, assertTaken(answer, 2500)), echoes(2500));
    });

  test('lines are stored unchanged: numbers, escapes, equal keys', async () => {
    const line = String.raw`{"namespace":"test", "action":"echo","params":{"a":1.50e1,"a":"\u0000\ud800é","b":1e999}}`;
    const asyncId = assertTaken(await postLines(system, `${line}\n`), 1);
    assert.deepEqual(await storedJobsText(pool, asyncId), [`[${line}]`]);
  });
});

describe('wrong lines', () => {
  const good = JSON.stringify(echo(1));
  for (const [what, line, message] of [
    ['breaks the schema', JSON.stringify(echo('x')), 'line 3: params.n must be integer'],
    ['is not valid JSON', '{"namespace":', /^line 3 is not valid JSON: /],
    ['holds two values', `${good} ${good}`, /^line 3 is not valid JSON: /],
    ['ends with a comma', `${good},`, /^line 3 is not valid JSON: /],
    ['is an array', `[${good}]`, 'line 3 must be an object'],
    ['is null', 'null', 'line 3 must be an object'],
    ['lacks its params', '{"namespace":"test","action":"echo"}', 'line 3: params is missing'],
    [
      'names no action there is',
      '{"namespace":"test","action":"ecco","params":{}}',
      'line 3: there is no action test.ecco: did you mean test.echo?',
    ],
    ['repeats an id', JSON.stringify({ ...echo(1), id: 'a' }), 'line 3: id "a" is a duplicate'],
  ] as const)
    test(`a line that ${what} is 400 and named`, async () => {
      const body = `${JSON.stringify({ ...echo(0), id: 'a' })}\n\n${line}\n${good}\n`;
      const problem = await assertRefused(() => postLines(system, body), 400);
      assert.equal(problem.title, 'Bad Request');
      assert.ok([24092, 24093].includes(problem.specificCode));
      assert.equal(problem.errors.length, 1);
      if (typeof message === 'string') assert.equal(problem.errors[0], message);
      else assert.match(problem.errors[0], message);
    });

  test('a wrong line near the end of 20,000 is named, and nothing is stored', async () => {
    const jobs = echoes(MAX_NDJSON_JOBS);
    jobs[MAX_NDJSON_JOBS - 2] = echo('x');
    const problem = await assertRefused(() => postLines(system, toLines(jobs)), 400);
    assert.deepEqual(problem.errors, ['line 19999: params.n must be integer']);
    assert.equal(problem.specificCode, 24092);
  });

  test('the first hundred wrong lines are named, and the rest is counted', async () => {
    const jobs = Array.from({ length: 2003 }, () => echo('x'));
    const { errors } = await assertRefused(() => postLines(system, toLines(jobs)), 400);
    assert.equal(errors.length, 101);
    assert.equal(errors[99], 'line 100: params.n must be integer');
    assert.equal(errors[100], 'and 1903 more jobs');
  });

  test('under skipInvalid only the wrong line fails, unless it is not valid JSON', async () => {
    for (const query of ['?skipInvalid=true', '?skipInvalid']) {
      const taken = await postLines(system, toLines([echo(1), echo('x'), 7]), { query });
      assertTaken(taken, 3);
      assert.equal(taken.body.counts.failed, 2);
    }
    const body = `${good}\n{\n`;
    await assertRefused(() => postLines(system, body, { query: '?skipInvalid=true' }), 400);
    await assertRefused(() => postLines(system, toLines([echo('x')]), { query: '?skipInvalid=false' }), 400);
  });

  test('a line larger than MAX_JOB_BYTES is 413 and named', async () => {
    const bytes = MAX_JOB_BYTES - JSON.stringify(echo(1, { x: '' })).length;
    const sized = (more: number) => JSON.stringify(echo(1, { x: 'x'.repeat(bytes + more) }));
    assertTaken(await postLines(system, `${good}\r\n${sized(0)}\r\n`), 2);
    await assertRefused(
      () => postLines(system, `${good}\n${sized(1)}\n`),
      413,
      /^line 2 is longer than 11534336 bytes$/,
    );
  });

  test('a line nested deeper than 500, with the two levels of a JSON body, is 400 and named', async () => {
    const nested = (depth: number) =>
      `{"namespace":"test","action":"echo","params":{"a":${'['.repeat(depth - 4)}${']'.repeat(depth - 4)}}}`;
    assertTaken(await postLines(system, nested(500)), 1);
    const body = `${good}\n${nested(501)}\n`;
    await assertRefused(() => postLines(system, body), 400, /^line 2: nested deeper than 500 levels/);
  });
});

describe('bodies in a wrong encoding', () => {
  for (const [what, body] of [
    ['UTF-16 with its mark', Buffer.from(`\ufeff${toLines(echoes(2))}`, 'utf16le')],
    ['UTF-16 without', Buffer.from(toLines(echoes(2)), 'utf16le')],
    ['Latin-1', Buffer.from(toLines([echo(0, { name: 'é' })]), 'latin1')],
    [
      'broken UTF-8',
      Buffer.concat([Buffer.from('{"namespace":"'), Buffer.from([0xf0, 0x9f]), Buffer.from('"}')]),
    ],
  ] as const)
    test(`a body in a wrong encoding is 400 and the line is named (${what})`, async () => {
      const { errors } = await assertRefused(() => postLines(system, body), 400);
      assert.match(errors[0], /^line 1 is /);
    });

  for (const encoding of ['zstd', 'compress', 'gzip, br', 'nonsense'])
    test(`is 415 (${encoding})`, () =>
      assertRefused(() => postLines(system, 'x', { headers: { 'content-encoding': encoding } }), 415));

  for (const [what, body] of [
    ['is not gzip', Buffer.from(toLines(echoes(2)))],
    ['ends too early', gzipSync(toLines(echoes(5000))).subarray(0, -9)],
    ['is empty', Buffer.alloc(0)],
  ] as const)
    test(`a body is 400 when its gzip ${what}`, () =>
      assertRefused(() => postLines(system, body, { headers: { 'content-encoding': 'gzip' } }), 400));
});

describe('bodies of the wrong kind', () => {
  for (const [what, body] of [
    ['nothing', ''],
    ['empty lines', '\n\r\n \n'],
    ['a byte-order mark', '\ufeff'],
  ] as const)
    test(`a body is 400 when its lines are ${what}`, async () => {
      const problem = await assertRefused(() => postLines(system, body), 400);
      assert.equal(problem.specificCode, 24093);
    });

  test('a body of the wrong type is 400: JSON as lines, lines as JSON, CSV', async () => {
    const asLines = await assertRefused(() => postLines(system, JSON.stringify({ jobs: echoes(2) })), 400);
    assert.deepEqual(asLines.errors, [
      'line 1: jobs is not known: known names are namespace, action, params, id, dependsOn, group, bind',
    ]);
    const pretty = await assertRefused(() => postLines(system, JSON.stringify({ jobs: [] }, null, 2)), 400);
    assert.match(pretty.errors[0], /^line 1 is not valid JSON/);
    await assertRefused(() => postBatch(system, toLines(echoes(2))), 400);
    await assertRefused(() => postBatch(system, 'namespace,action\r\n', { 'content-type': 'text/csv' }), 400);
  });
});

describe('A bomb', () => {
  const times = (part: Buffer, count: number) => Buffer.concat(Array.from({ length: count }, () => part));
  const brotli = (text: string) =>
    brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });

  for (const [what, body, encoding, status, detail] of [
    [
      'one line of 1 GiB',
      times(gzipSync(Buffer.alloc(MEBIBYTE, 'x')), 1024),
      'gzip',
      413,
      /^line 1 is longer/,
    ],
    ['1 GiB of line feeds', times(gzipSync(Buffer.alloc(MEBIBYTE, '\n')), 1024), 'gzip', 413, /white space/],
    ['1 GiB of blanks', times(gzipSync(Buffer.alloc(MEBIBYTE, ' ')), 1024), 'gzip', 413, /^line 1 is longer/],
    [
      'a million jobs',
      brotli(toLines([echo(0)]).repeat(1_000_000)),
      'br',
      400,
      /^The maximum number of jobs/,
    ],
  ] as const)
    test(`a body of ${what} is ${status} without being decompressed completely`, async () => {
      const before = process.resourceUsage().maxRSS;
      const headers = { 'content-encoding': encoding };
      await assertRefused(() => postLines(system, body, { headers }), status, detail);
      const grownBy = Math.round((process.resourceUsage().maxRSS - before) / 1024);
      assert.ok(grownBy < 128, `memory grew by ${grownBy} MiB`);
    });
});

describe('the query of a JSON body', () => {
  for (const query of ['?callbackUrl=http://127.0.0.1:9/', '?skipInvalid=true', '?options=x'])
    test(`the query ${query} of a JSON body is 400, because it belongs in the body`, async () => {
      const body = JSON.stringify({ jobs: echoes(1) });
      const post = () => system.request(`/v1/batches${query}`, { method: 'POST', body });
      const { specificCode } = await assertRefused(post, 400, / goes with a body of lines /);
      assert.equal(specificCode, 24092);
    });
});

describe('the query of a body of lines', () => {
  for (const [query, detail] of [
    [
      '?unknown=1',
      /^\?unknown= is not known: known names are callbackUrl, skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn, dryRun$/,
    ],
    ['?skipInvalid=yes', /^options\.skipInvalid must be true or false$/],
    ['?skipInvalid=true&skipInvalid=false', /^\?skipInvalid= is given twice$/],
    ['?options=x', /^\?options= is not known/],
    ['?__proto__=x', /^\?__proto__= is not known/],
    ['?callbackUrl=', /^callbackUrl /],
    ['?callbackUrl=http://10.0.0.1/', /^callbackUrl is not allowed/],
    ['?callbackUrl=ftp://127.0.0.1/', /^callbackUrl is not allowed/],
    ['?callbackUrl=http://127.0.0.1:9/&callbackUrl=http://127.0.0.1:9/', /^\?callbackUrl= is given twice$/],
  ] as const)
    test(`the query ${query} of a body of lines is 400`, async () => {
      await assertRefused(() => postLines(system, toLines(echoes(1200)), { query }), 400, detail);
    });
});

test('a batch needs a key, and the permission of every action in it', async () => {
  const body = toLines([echo(1), { namespace: 'rest', action: 'answer', params: { bytes: 2 } }]);
  const nobody = { headers: { authorization: 'Bearer nobody' } };
  await assertRefused(() => postLines(system, body, nobody), 401);
  const stranger = { headers: await strangerOf(system, ['test.*', 'rest.answer']) };
  const { errors } = await assertRefused(() => postLines(system, body, stranger), 403);
  assert.deepEqual(errors, ['the key lacks rest.special']);
});

describe('Idempotency-Key', () => {
  const forms = {
    JSON: (jobs: unknown[], key: string) => postBatch(system, { jobs }, { 'idempotency-key': key }),
    NDJSON: (jobs: unknown[], key: string) =>
      postLines(system, toLines(jobs), { headers: { 'idempotency-key': key } }),
  };
  for (const [form, send] of Object.entries(forms))
    for (const count of [1, 1200])
      test(`Idempotency-Key makes ${form} of ${count} jobs safe to repeat`, async () => {
        const key = `${form} ${count}`;
        const first = await send(echoes(count), key);
        const asyncId = assertTaken(first, count);
        const rows = await storedRows(pool);
        const again = await send(echoes(count), key);
        assert.deepEqual([again.status, again.body], [202, first.body]);
        assert.equal(again.headers.get('location'), `/v1/batches/${asyncId}`);
        assert.deepEqual(await storedRows(pool), rows);
        await assertRefused(() => send([...echoes(count - 1), echo(-1)], key), 422);
      });

  test('Idempotency-Key compares the uncompressed lines together with their query', async () => {
    const body = toLines(echoes(2));
    const headers = { 'idempotency-key': 'query' };
    const query = '?skipInvalid=true';
    const first = await postLines(system, body, { query, headers });
    const zipped = { ...headers, 'content-encoding': 'gzip' };
    const again = await postLines(system, gzipSync(body), { query, headers: zipped });
    assert.equal(again.body.asyncId, first.body.asyncId);
    await assertRefused(() => postLines(system, body, { headers }), 422);
    await assertRefused(() => postBatch(system, { jobs: echoes(2) }, headers), 422);
  });

  test('Idempotency-Key is 409 while the first request is being stored', async () => {
    const body = toLines(echoes(1200));
    const headers = { 'idempotency-key': 'busy', 'content-type': NDJSON };
    const first = openPost(`${system.url}/v1/batches`, headers);
    first.request.write(body);
    await waitFor(async () => (await openUploads(pool)) === 1, { what: 'the first to be stored' });
    const second = await postLines(system, body, { headers });
    assertProblem(second, 409);
    assert.equal(second.headers.get('retry-after'), '1');
    first.request.end();
    const { status, body: stored } = await first.answer;
    assert.equal(status, 202);
    assert.equal((await postLines(system, body, { headers })).body.asyncId, stored.asyncId);
  });
});
