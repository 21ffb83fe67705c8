/** Unknown names are refused and named in every place, and nothing is stored. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Answer, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';
import { NDJSON, postBatch, postLines, toLines } from '../v1/support.ts';

// Without a worker nothing changes by itself while rows are counted.
const system = await startSystem({ after }, { worker: false });
const good = { namespace: 'test', action: 'echo', params: {} };
const large = 'é'.repeat(200 * 1024);

/** A batch that ended at once, because it has nothing to run. */
const ended = () => system.run([7], { options: { skipInvalid: true } });

/**
 * Asserts that the request is answered 400 with this message, in either form of errors; returns its specific
 * code.
 */
async function assertRefused(
  send: () => Promise<Answer>,
  expected: string | RegExp,
): Promise<number | undefined> {
  const before = await storedRows(system.pool);
  const { status, body } = await send();
  assert.equal(status, 400, JSON.stringify(body));
  const { message = body.detail, additionalMessages = body.errors } = body;
  const text = [...(additionalMessages ?? []), message].find((line) =>
    typeof expected === 'string' ? line === expected : expected.test(line),
  );
  assert.notEqual(text, undefined, JSON.stringify(body));
  assert.deepEqual(await storedRows(system.pool), before, 'something was stored');
  return body.specificCode;
}

describe('unknown members of the body', () => {
  const known = 'known names are jobs, callbackUrl, options';
  for (const [body, expected] of [
    [{ callbackURL: 'http://127.0.0.1/' }, 'callbackURL is not known: did you mean callbackUrl?'],
    [{ callback_url: null }, 'callback_url is not known: did you mean callbackUrl?'],
    [{ callback: 'http://127.0.0.1/' }, 'callback is not known: did you mean callbackUrl?'],
    [{ option: { skipInvalid: true } }, 'option is not known: did you mean options?'],
    [{ job: [] }, 'job is not known: did you mean jobs?'],
    [{ comment: '' }, `comment is not known: ${known}`],
    [{ '': 1 }, `[""] is not known: ${known}`],
    [{ 'a\u0000\ud800b': 1 }, `["a\\u0000\\ud800b"] is not known: ${known}`],
    [{ ['x'.repeat(5000)]: 1 }, `${'x'.repeat(100)}… is not known: ${known}`],
    [{ comment: large }, `comment is not known: ${known}`],
  ] as const)
    test(`an unknown member of the body is refused and named, before or after the jobs: ${Object.keys(body)[0]?.slice(0, 20)}`, async () => {
      for (const whole of [
        { ...body, jobs: [good] },
        { jobs: [good], ...body },
      ]) {
        for (const action of ['run', 'validate'])
          assert.equal(await assertRefused(() => system.rpc(action, whole), expected), 24092);
        assert.equal(await assertRefused(() => postBatch(system, whole), expected), 24092);
      }
    });

  test('an unknown member of the body is refused after stored chunks', async () => {
    const jobs = Array.from({ length: 2500 }, () => good);
    await assertRefused(() => system.rpc('run', { jobs, callbackURL: null }), /^callbackURL is not known/);
  });

  test('an unknown member of the body is refused under a known Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'unknown member' };
    assert.equal((await system.rpc('run', { jobs: [good] }, headers)).status, 200);
    await assertRefused(() => system.rpc('run', { jobs: [good], x: 1 }, headers), /^x is not known/);
  });
});

describe('unknown members of a job', () => {
  const known = 'known names are namespace, action, params, id, dependsOn, group, bind';
  for (const [job, expected] of [
    [{ ...good, param: {} }, ['.param is not known: did you mean params?']],
    [{ nameSpace: 'test', action: 'echo', params: {} }, ['.nameSpace is not known: did you mean namespace?']],
    [{ ...good, dependson: ['a'] }, ['.dependson is not known: did you mean dependsOn?']],
    [{ ...good, after: ['a'] }, [`.after is not known: ${known}`]],
    [{ ...good, Id: 1, x: 2 }, ['.Id is not known: did you mean id?', `.x is not known: ${known}`]],
    [{ ...good, '': 1 }, [`[""] is not known: ${known}`]],
    [{ ...good, params: { x: large }, parms: {} }, ['.parms is not known: did you mean params?']],
  ] as const)
    test(`an unknown member of a job is refused and named with its place: ${expected[0]}`, async () => {
      const inJobs = expected.map((text) => `jobs[7]${text}`);
      const onLine = expected.map((text) => `line 8: ${text.replace(/^\./, '')}`);
      const jobs = [...Array.from({ length: 7 }, () => good), job];
      for (const answer of [await system.rpc('run', { jobs }), await system.rpc('validate', { jobs })]) {
        assert.deepEqual(answer.body.additionalMessages, inJobs);
        assert.equal(answer.body.specificCode, 24092);
      }
      assert.deepEqual((await postBatch(system, { jobs })).body.errors, inJobs);
      assert.deepEqual((await postLines(system, toLines(jobs))).body.errors, onLine);
      await assertRefused(() => system.rpc('run', { jobs }), inJobs[0] ?? '');
    });

  test('unknown members of a job are named up to a limit, and the rest is counted', async () => {
    const names = Array.from({ length: 5000 }, (_, n) => [`x${n}`, n]);
    const { body } = await system.rpc('run', { jobs: [{ ...good, ...Object.fromEntries(names) }] });
    assert.equal(body.additionalMessages.length, 21);
    assert.equal(body.additionalMessages[20], 'jobs[0] has 4980 more members that are not known');
  });

  test('a job with an unknown member still needs the permission of its action', async () => {
    const { body: key } = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'narrow', permissions: ['rpc.*'] }),
    });
    const jobs = [{ ...good, param: 1 }];
    const headers = { authorization: `Bearer ${key.key}` };
    const { status, body } = await system.rpc('run', { jobs, options: { skipInvalid: true } }, headers);
    assert.deepEqual([status, body.additionalMessages], [403, ['the key lacks test.echo']]);
  });
});

test('an unknown option is refused with the nearest known one', async () => {
  for (const [options, expected] of [
    [{ skipinvalid: true }, 'options.skipinvalid is not known: did you mean skipInvalid?'],
    [{ skip: true }, 'options.skip is not known: did you mean skipInvalid?'],
    [
      { atomic: null },
      'options.atomic is not known: known names are skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn',
    ],
    [
      { '': true },
      'options[""] is not known: known names are skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn',
    ],
  ] as const)
    assert.equal(await assertRefused(() => system.rpc('run', { jobs: [good], options }), expected), 24092);
});

describe('unknown members of small bodies', () => {
  for (const [action, member, expected] of [
    ['progress', { asyncID: 1 }, 'asyncID is not known: did you mean asyncId?'],
    ['results', { perpage: 1 }, 'perpage is not known: did you mean perPage?'],
    ['results', { limit: 1 }, 'limit is not known: known names are async, asyncId, start, perPage, status'],
    ['cancel', { force: true }, 'force is not known: known names are async, asyncId'],
    ['cancel', { indexes: [1] }, 'indexes is not known: known names are async, asyncId'],
    ['restart', { statuses: ['failed'] }, 'statuses is not known: did you mean status?'],
    ['restart', { error: 503 }, 'error is not known: did you mean errorCode?'],
    ['repost', { callbackUrl: '' }, 'callbackUrl is not known: known names are async, asyncId'],
  ] as const)
    test(`an unknown member is refused: ${Object.keys(member)} of ${action}`, async () => {
      const async = await ended();
      assert.equal(await assertRefused(() => system.rpc(action, { async, ...member }), expected), 24092);
    });

  for (const verb of ['cancel', 'pause', 'resume', 'repost'])
    test(`any member in the body of /v1/batches/{asyncId}/${verb} is refused`, async () => {
      const asyncId = await ended();
      const post = (body: string) =>
        system.request(`/v1/batches/${asyncId}/${verb}`, { method: 'POST', body });
      await assertRefused(() => post('{"indexes":[0]}'), 'indexes is not known: no name is allowed here');
      await assertRefused(() => post('[]'), /not a JSON object/);
      for (const body of ['', '{}']) assert.equal((await post(body)).status, 202);
    });

  test('an unknown member of a key is refused', async () => {
    const body = JSON.stringify({ name: 'a', permissions: ['*'], expiresat: null });
    const send = () => system.request('/v1/keys', { method: 'POST', body });
    await assertRefused(send, 'expiresat is not known: did you mean expiresAt?');
  });
});

const ID = '0'.repeat(32);

describe('unknown query names', () => {
  const rpc = (action: string, more: string) => [`POST /batch?action=${action}&${more}`, 24092] as const;
  for (const [request, expected, code] of [
    [...rpc('progress', 'x=1'), '?x= is not known: known names are action, async, asyncId'],
    [...rpc('progress', `async=${ID}&ASYNC=`), '?ASYNC= is not known: did you mean async?'],
    [...rpc('results', `async=${ID}&per_page=1`), '?per_page= is not known: did you mean perPage?'],
    [...rpc('cancel', `async=${ID}&status=failed`), /^\?status= is not known/],
    [
      ...rpc('run', 'callbackUrl=http://127.0.0.1/'),
      '?callbackUrl= is not known: known names are action, dryRun',
    ],
    [...rpc('validate', ''), null],
    [...rpc('run', '=1'), '?= is not known: known names are action, dryRun'],
    ['GET /v1/batches?limt=1', undefined, '?limt= is not known: did you mean limit?'],
    ['GET /v1/batches?status=failed', undefined, '?status= is not known: did you mean state?'],
    ['GET /v1/batches?__proto__=1', undefined, /^\?__proto__= is not known/],
    [`GET /v1/batches/${ID}?x=`, undefined, '?x= is not known: no name is allowed here'],
    [
      `GET /v1/batches/${ID}/results?x=1`,
      undefined,
      '?x= is not known: known names are status, errorCode, message, start, limit, cursor',
    ],
    [`GET /v1/batches/${ID}/events?x`, undefined, /^\?x= is not known/],
    [`GET /v1/batches/${ID}/callbacks?limit=1`, undefined, /^\?limit= is not known/],
    [`POST /v1/batches/${ID}/cancel?x`, undefined, /^\?x= is not known/],
    [`POST /v1/batches/${ID}/restart?status=failed`, undefined, /^\?status= is not known/],
    ['POST /v1/batches?callbackURL=http://127.0.0.1/', 24092, /^\?callbackURL= is not known/],
    ['GET /v1/actions?namespace=test', undefined, /^\?namespace= is not known/],
    ['GET /v1/actions/test.echo?x', undefined, /^\?x= is not known/],
    ['GET /v1/keys?limit=1', undefined, /^\?limit= is not known/],
    ['POST /v1/keys?tenant=x', undefined, /^\?tenant= is not known/],
    ['DELETE /v1/keys/0?x', undefined, /^\?x= is not known/],
    ['GET /v1/callback-secret?tenant=x', undefined, /^\?tenant= is not known/],
    [
      'POST /api/1.0/test?action=echo&async=true',
      undefined,
      '?async= is not known: the only known name is action',
    ],
  ].map(([request, code, expected]) => [request, expected, code] as const))
    test(`an unknown query name is refused: ${request}`, async () => {
      const [method = '', path = ''] = String(request).split(' ');
      const body = method === 'POST' ? { body: JSON.stringify({ jobs: [good] }) } : {};
      const send = () => system.request(path, { method, ...body });
      if (expected === null) assert.equal((await send()).status, 200);
      else assert.equal(await assertRefused(send, expected as string | RegExp), code);
    });

  test('an unknown query name of results, and of a body of lines, is refused', async () => {
    const asyncId = await ended();
    const path = `/v1/batches/${asyncId}/results`;
    await assertRefused(() => system.request(`${path}?limt=1`), '?limt= is not known: did you mean limit?');
    await assertRefused(
      () => system.request(`${path}?status[]=failed`),
      '?status[]= is not known: did you mean status?',
    );
    for (const [query, expected] of [
      ['?callbackURL=http://127.0.0.1/', '?callbackURL= is not known: did you mean callbackUrl?'],
      ['?skip_invalid=true', '?skip_invalid= is not known: did you mean skipInvalid?'],
    ] as const)
      assert.equal(await assertRefused(() => postLines(system, toLines([good]), { query }), expected), 24092);
  });

  test('query names are not checked for clients without a key', async () => {
    const headers = { authorization: 'Bearer wrong' };
    assert.equal((await system.request('/v1/batches?limt=1', { headers })).status, 401);
  });
});

describe('query values', () => {
  test('a repeated query name is refused', async () => {
    const asyncId = await ended();
    for (const path of [
      '/v1/batches?limit=1&limit=2',
      '/v1/batches?state=queued&state=queued',
      `/v1/batches/${asyncId}/results?status=failed&status=succeeded`,
      `/v1/batches/${asyncId}/results?%73tatus=failed&status=failed`,
      `/batch?action=progress&async=${asyncId}&async=${asyncId}`,
      `/batch?action=results&async=${asyncId}&status=failed&status=succeeded`,
    ])
      await assertRefused(() => system.request(path), /^\?\w+= is given twice$/);
    const query = '?skipInvalid=true&skipInvalid=true';
    await assertRefused(() => postLines(system, toLines([good]), { query }), /given twice/);
  });

  test('a query value that differs from the body is refused, and an equal one is accepted', async () => {
    const asyncId = await ended();
    const post = (query: string, body: object) =>
      system.request(`/batch?action=progress&${query}`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal((await post(`async=${asyncId}`, { async: asyncId })).status, 200);
    assert.equal((await post(`async=${asyncId}`, { async: null })).status, 200);
    assert.equal((await post(`async=${asyncId}`, { asyncId })).status, 200);
    await assertRefused(
      () => post(`async=${asyncId}`, { async: ID }),
      /^async has different values in the query/,
    );
    await assertRefused(
      () => post(`async=${asyncId}`, { asyncId: ID }),
      /^async and asyncId are not the same/,
    );
  });

  test('a query value that is not UTF-8 is refused', async () => {
    for (const value of ['%FF', '%C3', '%ED%A0%80', '%C0%AF', '%', '%zz'])
      for (const path of [
        `/v1/batches?cursor=${value}`,
        `/v1/batches?${value}=1`,
        `/batch?action=progress&async=${value}`,
        `/api/1.0/test?action=${value}`,
      ]) {
        const method = path.startsWith('/api') ? 'POST' : 'GET';
        await assertRefused(
          () => system.request(path, { method }),
          /^The query is not percent-encoded UTF-8/,
        );
      }
  });

  test('a query value with U+0000, which Postgres does not store, is refused', async () => {
    for (const query of ['batches?action=%00', 'audit?target=a%00b', 'callbacks?cursor=%00'])
      await assertRefused(() => system.request(`/v1/${query}`), /^The query has the character U\+0000/);
  });

  test('an empty query value counts as given', async () => {
    for (const path of ['/v1/batches?limit=', '/v1/batches?state=', '/v1/batches?cursor='])
      await assertRefused(() => system.request(path), /must be/);
    assert.equal((await system.request('/v1/batches?&limit=1&')).status, 200);
  });
});

test('bodies of lines may have any of their usual types, and lines sent as JSON get an error that names the type', async () => {
  const lines = toLines([good, good]);
  for (const name of ['x-ndjson', 'ndjson', 'jsonl', 'x-jsonl', 'jsonlines', 'x-jsonlines', 'json-lines'])
    for (const type of [`application/${name}`, `Application/${name.toUpperCase()}; charset=utf-8`]) {
      const headers = { 'content-type': type };
      const { status, body } = await postLines(system, lines, { headers });
      assert.equal(status, 202, type);
      assert.equal(body.counts.total, 2);
    }
  const asyncId = await ended();
  const results = await system.request(`/v1/batches/${asyncId}/results`, {
    headers: { accept: 'application/jsonl' },
  });
  assert.equal(results.headers.get('content-type'), 'application/jsonl');
  const two = `{"jobs":[]}\n{"jobs":[]}\n`;
  await assertRefused(() => postBatch(system, two), new RegExp(`one job per line .* ${NDJSON}$`));
  await assertRefused(() => postBatch(system, lines), new RegExp(`one job per line .* ${NDJSON}$`));
});
