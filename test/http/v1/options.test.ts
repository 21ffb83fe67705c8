/** Options of a batch: its name and texts, and its callback. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import { Batchwright } from '../../../src/client/index.ts';
import { startHttpServer } from '../../outbound/loopback.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import {
  assertProblem,
  echo,
  gated,
  openGate,
  postBatch,
  postLines,
  refuse,
  runsOf,
  toLines,
} from './support.ts';

const SECRET = 'Bearer feedfacefeedfacefeedface';
const SECRET_KEY = 'the-secret-key-of-these-tests-of-options';
const system = await startSystem({ after }, { env: { LOG_LEVEL: 'trace', SECRET_KEY } });
const client = new Batchwright({ url: system.url, key: ADMIN_KEY });

const NOT_VISIBLE = 'has a value that is not of visible ASCII characters, spaces and tabs';

const view = async (asyncId: string): Promise<Json> => (await system.request(`/v1/batches/${asyncId}`)).body;
const label = ({ name, metadata }: Json) => ({ name, metadata });

interface Received {
  headers: NodeJS.Dict<string | string[]>;
  body: Json;
}

async function receiver(t: TestContext) {
  const received: Received[] = [];
  const { url } = await startHttpServer(t, async (request, response) => {
    received.push({ headers: request.headers, body: JSON.parse(await text(request)) });
    response.end();
  });
  return { url: `${url}/hook`, received };
}

describe('the priority of a batch', () => {
  test('every view shows it, from JSON and from lines, and a check takes it', async () => {
    const { body: made } = await postBatch(system, { jobs: [echo(1)], options: { priority: -100 } });
    const { body: lines } = await postLines(system, toLines([echo(1)]), { query: '?priority=-100' });
    const { body: none } = await postBatch(system, { jobs: [echo(1)] });
    const progress = (asyncId: string) => system.rpc('progress', { async: asyncId });
    for (const { asyncId } of [made, lines]) {
      await system.ended(asyncId);
      assert.equal((await view(asyncId)).priority, -100);
      assert.equal((await progress(asyncId)).body.priority, -100);
    }
    assert.ok(!Object.hasOwn(await view(none.asyncId), 'priority'));
    const dry = await postLines(system, toLines([echo(1)]), { query: '?priority=100&dryRun=true' });
    assert.equal(dry.status, 200);
  });

  for (const priority of [101, -101, 1.5, '1', null])
    test(`${JSON.stringify(priority)} is no priority`, async () => {
      const message = 'options.priority must be a whole number from -100 to 100';
      for (const call of ['run', 'validate']) {
        const { status, body } = await system.rpc(call, { jobs: [echo(1)], options: { priority } });
        assert.deepEqual([status, body.specificCode, body.message], [400, 24092, message]);
      }
      const answer = await postLines(system, toLines([echo(1)]), {
        query: `?priority=${JSON.stringify(priority)}`,
      });
      assertProblem(answer, 400, new RegExp(message));
    });
});

describe('the name and the metadata of a batch', () => {
  const options = {
    name: 'Tonight 🏃',
    metadata: JSON.parse('{"order":"17","note":"","__proto__":"x"}'),
  };

  test('a JSON body and a body of lines show them in every view, in events and in the callback', async (t) => {
    const { url, received } = await receiver(t);
    const { body: made } = await postBatch(system, { jobs: [echo(1)], callbackUrl: url, options });
    const query = new URLSearchParams({
      callbackUrl: url,
      name: options.name,
      metadata: JSON.stringify(options.metadata),
    });
    const { body: lines } = await postLines(system, toLines([echo(1)]), { query: `?${query}` });
    for (const { asyncId, ...first } of [made, lines]) {
      await system.ended(asyncId);
      const { body: status } = await system.rpc('progress', { async: asyncId });
      const { body: list } = await system.request('/v1/batches');
      const events = await (
        await fetch(`${system.url}/v1/batches/${asyncId}/events`, {
          headers: { authorization: `Bearer ${ADMIN_KEY}` },
        })
      ).text();
      const event = JSON.parse(/^data: (.*)$/m.exec(events)?.[1] ?? '');
      const callback = await waitFor(async () => received.find(({ body }) => body.asyncId === asyncId), {
        what: 'the callback',
      });
      const listed = list.data.find((batch: Json) => batch.asyncId === asyncId);
      for (const shown of [first, status, await view(asyncId), listed, event, callback.body])
        assert.deepEqual(label(shown), label(options));
    }
  });

  test('a name that looks like a number is a text in the query of a body of lines', async () => {
    const { body } = await postLines(system, toLines([echo(1)]), { query: '?name=2030' });
    assert.equal(body.name, '2030');
  });

  test('the list selects by name and by several texts of the metadata', async () => {
    const made = [];
    for (const [name, metadata] of [
      ['filter', { region: 'north', run: '1' }],
      ['filter', { region: 'south', run: '1' }],
      ['other', { region: 'north', run: '1' }],
    ] as const)
      made.push((await postBatch(system, { jobs: [echo(1)], options: { name, metadata } })).body.asyncId);
    const [first, second, third] = made;
    for (const [query, expected] of [
      ['name=filter', [second, first]],
      ['metadata.region=north&metadata.run=1', [third, first]],
      ['name=filter&metadata.region=north', [first]],
      ['metadata.region=north&state=running&metadata.run=2', []],
      ['name=filt', []],
      ['metadata.__proto__=x&name=filter', []],
    ] as const) {
      const { status, body } = await system.request(`/v1/batches?${query}`);
      assert.equal(status, 200, query);
      assert.deepEqual(
        body.data.map(({ asyncId }: Json) => asyncId),
        expected,
        query,
      );
    }
    const south = client.batches.list({ name: 'filter', metadata: { region: 'south' } });
    assert.deepEqual(
      (await Array.fromAsync(south)).map(({ asyncId }) => asyncId),
      [second],
    );
    assertProblem(await system.request('/v1/batches?metadata=x'), 400, /^\?metadata= is not known/);
    assertProblem(await system.request('/v1/batches?metadata.=x'), 400, /^\?metadata\.= is not known/);
  });

  test('a batch without a name or metadata has no such members', async () => {
    const { body } = await postBatch(system, { jobs: [echo(1)], options: {} });
    assert.deepEqual([Object.hasOwn(body, 'name'), Object.hasOwn(body, 'metadata')], [false, false]);
  });
});

describe('headers of the callback', () => {
  test('the callback carries them; no view, log line or column shows them', async (t) => {
    const { url, received } = await receiver(t);
    const callbackHeaders = { authorization: SECRET, 'X-Order': '1\t7 ~' };
    const batch = { jobs: [echo(1)], callbackUrl: url, options: { callbackHeaders } };
    for (const call of ['run', 'validate'] as const)
      assert.equal((await system.rpc(call, batch)).status, 200, call);
    const [{ asyncId }] = (await system.request('/v1/batches?limit=1')).body.data;
    await system.ended(asyncId);
    const [{ headers }] = (await waitFor(async () => received.length > 0 && received, {
      what: 'the callback',
    })) as [Received];
    assert.deepEqual([headers.authorization, headers['x-order']], [SECRET, '1\t7 ~']);
    const { rows } = await system.pool.query('select batch::text as row from batchwright.batch');
    const everything = JSON.stringify([await view(asyncId), rows, system.log]);
    assert.ok(!everything.includes(SECRET), 'the secret is shown');
  });

  for (const [what, headers, message] of [
    ['of the signature', { 'Webhook-Signature': 'v1,x' }, '.Webhook-Signature cannot be set'],
    ['of the connection', { connection: 'close' }, '.connection cannot be set'],
    ['with a line end', { 'x-a': 'a\r\nx-b: b' }, `.x-a ${NOT_VISIBLE}`],
    ['in Latin-1', { 'x-a': 'é' }, `.x-a ${NOT_VISIBLE}`],
    ['in another script', { 'x-a': '中' }, `.x-a ${NOT_VISIBLE}`],
    [
      'with a name that is none',
      { 'x a': '1' },
      '["x a"] must have a name of letters, digits and !#$%&\'*+-.^_`|~',
    ],
    ['twice in different cases', { 'x-a': '1', 'X-A': '2' }, '.X-A is there twice'],
    [
      'beyond sixteen',
      Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`x-${n}`, '1'])),
      ': at most 16 headers of 8192 bytes in all are possible',
    ],
  ] as const)
    test(`headers ${what} are refused without their values`, async () => {
      const options = { callbackHeaders: headers };
      for (const call of ['run', 'validate']) {
        const { status, body } = await system.rpc(call, { jobs: [echo(1)], options });
        assert.deepEqual([status, body.specificCode], [400, 24092]);
        assert.equal(body.message, `options.callbackHeaders${message}`);
      }
    });
});

describe('callbackOn', () => {
  test('failure calls back when some job has not succeeded, and a repost always does', async (t) => {
    const { url, received } = await receiver(t);
    const options = { callbackOn: 'failure' };
    const good = await system.run([echo(1), echo(2)], { callbackUrl: url, options });
    const bad = await system.run([echo(1), refuse], { callbackUrl: url, options });
    const refused = await system.run([echo(1), 7], {
      callbackUrl: url,
      options: { ...options, skipInvalid: true },
    });
    for (const asyncId of [good, bad, refused]) await system.ended(asyncId);
    assert.deepEqual((await view(good)).callback, { url, state: 'skipped', attempts: 0 });
    await waitFor(async () => received.length === 2, { what: 'the callbacks' });
    assert.deepEqual(received.map(({ body }) => body.asyncId).sort(), [bad, refused].sort());
    assert.deepEqual((await system.rpc('repost', { async: good })).body, { reposted: true });
    await waitFor(async () => received.length === 3, { what: 'the callback' });
    assert.equal(received[2]?.body.asyncId, good);
  });

  test('a restart after which every job has succeeded calls back no more', async (t) => {
    const { url, received } = await receiver(t);
    const jobs = [gated('callback on'), gated('callback on')];
    const options = { callbackOn: 'failure', concurrency: 1 };
    const asyncId = await system.run(jobs, { callbackUrl: url, options });
    await waitFor(async () => (await runsOf(system.pool, 'callback on')) === 1, { what: 'the first run' });
    await system.rpc('cancel', { async: asyncId });
    await openGate(system.pool, 'callback on');
    // A callback that is not recorded yet would be superseded.
    await waitFor(async () => (await view(asyncId)).callback.state === 'delivered', { what: 'the callback' });
    assert.equal(received[0]?.body.counts.cancelled, 1);
    assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: true });
    assert.equal((await system.ended(asyncId)).counts.succeeded, 2);
    assert.equal((await view(asyncId)).callback.state, 'skipped');
  });
});

describe('a wrong option is refused with its place', () => {
  for (const [options, message] of [
    [{ name: '' }, 'options.name must be a text of 1 to 200 characters'],
    [{ name: 'x'.repeat(201) }, 'options.name must be a text of 1 to 200 characters'],
    [{ name: 17 }, 'options.name must be a text of 1 to 200 characters'],
    [{ name: 'a\u0000b' }, 'options.name has a character that cannot be stored'],
    [{ name: '\ud800' }, 'options.name has a character that cannot be stored'],
    [{ metadata: [] }, 'options.metadata must be an object of texts'],
    [{ metadata: null }, 'options.metadata must be an object of texts'],
    [{ metadata: { a: 1 } }, 'options.metadata: a must be a text of at most 500 characters'],
    [{ metadata: { a: 'x'.repeat(501) } }, 'options.metadata: a must be a text of at most 500 characters'],
    [{ metadata: { a: 'x\0' } }, 'options.metadata: a has a character that cannot be stored'],
    [{ metadata: { 'a\0': 'x' } }, 'options.metadata: ["a\\u0000"] has a character that cannot be stored'],
    [{ metadata: { '': 'x' } }, 'options.metadata has a name that is not a text of 1 to 100 characters'],
    [
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, 'x'])) },
      'options.metadata must have at most 16 members',
    ],
    [{ callbackHeaders: { a: 1 } }, 'options.callbackHeaders must be an object of texts'],
    [{ callbackOn: 'always' }, 'options.callbackOn must be end or failure'],
  ] as const)
    test(`${JSON.stringify(options).slice(0, 60)} is 400`, async () => {
      for (const call of ['run', 'validate']) {
        const { status, body } = await system.rpc(call, { jobs: [echo(1)], options });
        assert.deepEqual([status, body.specificCode, body.message], [400, 24092, message]);
      }
    });

  test('a name of 200 characters outside the basic plane is right', async () => {
    const { status, body } = await postBatch(system, {
      jobs: [echo(1)],
      options: { name: '🏃'.repeat(200) },
    });
    assert.deepEqual([status, body.name.length], [202, 400]);
  });
});
