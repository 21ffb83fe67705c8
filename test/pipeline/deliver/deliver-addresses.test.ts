import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { after, describe, type TestContext, test } from 'node:test';
import { parseAllowList } from '../../../src/outbound/address-guard.ts';
import { systemLookup } from '../../../src/outbound/name-lookup.ts';
import { FORBIDDEN_HOSTS } from '../../outbound/addresses.ts';
import { stubLookup } from '../../outbound/loopback.ts';
import { startSystem } from '../../support/system.ts';
import { startReceiver, verified } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackTo,
  deliveries,
  endedBatch,
  queuedCallbacks,
  startDelivering,
} from './deliver-support.ts';

// Only public addresses are allowed, and no worker delivers callbacks.
const names = new Map<string, LookupFunction>();
const lookup: LookupFunction = (host, ...rest) => (names.get(host) ?? systemLookup)(host, ...rest);
const system = await startSystem({ after }, { worker: false, env: { CALLBACK_ALLOW: '' }, lookup });
const NOTHING = parseAllowList('');
const HOSTS = Object.values(FORBIDDEN_HOSTS).flat();
const JOB = { namespace: 'test', action: 'echo', params: { n: 1 } };

/** From now on the name resolves to these lists of addresses in turn; other names resolve as usual. */
function resolve(t: TestContext, name: string, ...answers: string[][]): { asked: string[] } {
  const stub = stubLookup(...answers);
  names.set(name, stub);
  t.after(() => names.delete(name));
  return stub;
}

/** The error that `run` and `validate` both give for a refused callbackUrl. */
async function refusal(callbackUrl: unknown): Promise<string> {
  const [run, validated] = [
    await system.rpc('run', { jobs: [JOB], callbackUrl }),
    await system.rpc('validate', { jobs: [JOB], callbackUrl }),
  ];
  assert.equal(run.status, 400, String(callbackUrl));
  assert.deepEqual(validated.body, run.body);
  const { errorCode, specificCode, message } = run.body;
  assert.deepEqual({ errorCode, specificCode }, { errorCode: 400, specificCode: 24092 });
  return message;
}

async function batchCount(): Promise<number> {
  const { rows } = await system.pool.query<{ count: number }>(
    'select count(*)::int as count from batchwright.batch',
  );
  return rows[0]?.count ?? 0;
}

describe('callbackUrl checks when a batch is taken', () => {
  test('a callbackUrl to an address that is not public is refused in every notation, and nothing is stored', async (t) => {
    const receiver = await startReceiver(t);
    const stored = await batchCount();
    for (const host of HOSTS)
      assert.match(
        await refusal(`http://${host}:${receiver.port}/hook`),
        /^callbackUrl is not allowed: \S+ (is|resolves to) an? .+ address$/,
        host,
      );
    assert.equal(await batchCount(), stored);
    assert.equal(receiver.connections, 0);
  });

  test('a callbackUrl whose name resolves to an address that is not public is refused', async (t) => {
    for (const addresses of [['127.0.0.1'], ['93.184.216.34', '10.0.0.1'], ['::1'], ['169.254.169.254']]) {
      resolve(t, 'hook.example.test', addresses);
      assert.match(
        await refusal('https://hook.example.test/'),
        /^callbackUrl is not allowed: hook\.example\.test resolves to an? .+ address$/,
      );
    }
  });

  test('a callbackUrl that is malformed or has user info, another scheme or a port below 1024 is refused', async () => {
    const refused: [unknown, RegExp][] = [
      [
        'http://user:secret@93.184.216.34/',
        /^callbackUrl is not allowed: user info in a URL is not allowed$/,
      ],
      ['http://user@93.184.216.34/', /user info/],
      ['ftp://93.184.216.34/', /only http and https URLs are allowed$/],
      ['file:///etc/passwd', /only http and https/],
      ['javascript:alert(1)', /only http and https/],
      ['//93.184.216.34/', /only http and https/],
      ['hook', /only http and https/],
      ['', /only http and https/],
      ['http://256.0.0.1/', /^callbackUrl is not allowed: the host or port of the URL is not valid$/],
      [`http://${'a.'.repeat(130)}test/`, /: the host name has more than 253 characters$/],
      [`http://${'a'.repeat(64)}.test/`, /: the host name has a label of more than 63 characters$/],
      ['http://example..test/', /: the host name has an empty label$/],
      [
        'http://93.184.216.34:22/',
        /^callbackUrl is not allowed: port 22 is not allowed: only 80, 443 and those above 1024$/,
      ],
      ['http://93.184.216.34:1024/', /port 1024 /],
      ['http://93.184.216.34:0/', /port 0 /],
      [`http://93.184.216.34/${'a'.repeat(2048)}`, /^callbackUrl must have at most 2048 characters$/],
      [7, /^callbackUrl must be a string$/],
      [{ url: 'http://93.184.216.34/' }, /^callbackUrl must be a string$/],
      [['http://93.184.216.34/'], /^callbackUrl must be a string$/],
    ];
    for (const [callbackUrl, message] of refused) assert.match(await refusal(callbackUrl), message);
  });

  test('a callbackUrl is accepted when its address or name is public, and when its name is unknown', async (t) => {
    resolve(t, 'hook.example.test', ['93.184.216.34', '2606:4700:4700::1111']);
    for (const callbackUrl of [
      'http://93.184.216.34/hook?a=1',
      'https://93.184.216.34/',
      'http://93.184.216.34:443/',
      'http://93.184.216.34:1025/',
      'http://[2606:4700:4700::1111]/',
      'https://hook.example.test/',
      'https://nobody.knows.invalid/',
    ]) {
      const { status, body } = await system.rpc('validate', { jobs: [JOB], callbackUrl });
      assert.deepEqual({ status, body }, { status: 200, body: { valid: true } }, callbackUrl);
    }
  });

  test('a callbackUrl of null counts as absent', async () => {
    assert.equal((await system.rpc('validate', { jobs: [JOB], callbackUrl: null })).status, 200);
  });
});

describe('callback address checks at the connection', () => {
  /** A batch with this callbackUrl, stored without the check. */
  async function batchWith(callbackUrl: string): Promise<string> {
    const asyncId = await endedBatch(system);
    await callbackTo(system, asyncId, callbackUrl);
    return asyncId;
  }

  test('a callback to an address that is not public is refused without a connection', async (t) => {
    const receiver = await startReceiver(t);
    await startDelivering(t, system, { lookup, allow: NOTHING, retrySeconds: [] });
    const batches = await Promise.all(
      HOSTS.map(async (host) => ({
        host,
        asyncId: await batchWith(`http://${host}:${receiver.port}/hook`),
      })),
    );
    for (const { host, asyncId } of batches) {
      await callbackBecomes(system, asyncId, 'failed');
      const [line] = await deliveries(system, asyncId);
      assert.match(line?.error ?? '', /^address not allowed: \S+ (is|resolves to) an? .+ address$/, host);
    }
    assert.equal(receiver.connections, 0);
  });

  test('a callback to a name that now resolves to loopback is refused, logged and tried again later', async (t) => {
    const receiver = await startReceiver(t);
    const stub = resolve(t, 'hook.example.test', ['93.184.216.34'], ['127.0.0.1']);
    const asyncId = await endedBatch(system, `http://hook.example.test:${receiver.port}/hook`);
    assert.equal(stub.asked.length, 1);
    await startDelivering(t, system, { lookup, allow: NOTHING, retrySeconds: [60] });
    const [line] = await attemptsLogged(system, asyncId, 1);
    assert.equal(line?.error, 'address not allowed: hook.example.test resolves to a loopback address');
    assert.equal(line.status, null);
    assert.equal(line.nextInSeconds, 60);
    assert.equal((await queuedCallbacks(system, asyncId)).length, 1);
    assert.equal(receiver.connections, 0);
  });

  test('a callback is refused when one address of its name is not public, and the name is resolved once', async (t) => {
    const receiver = await startReceiver(t);
    const stub = resolve(t, 'hook.example.test', ['93.184.216.34'], ['93.184.216.34', '127.0.0.1']);
    const asyncId = await endedBatch(system, `http://hook.example.test:${receiver.port}/hook`);
    await startDelivering(t, system, { lookup, allow: NOTHING, retrySeconds: [] });
    await callbackBecomes(system, asyncId, 'failed');
    assert.equal(stub.asked.length, 2);
    assert.equal(receiver.connections, 0);
  });

  test('a callback with user info, another scheme or a port below 1024 is refused', async (t) => {
    await startDelivering(t, system, { lookup, allow: NOTHING, retrySeconds: [] });
    for (const [url, error] of [
      ['http://user:secret@93.184.216.34/', 'address not allowed: user info in a URL is not allowed'],
      ['ftp://93.184.216.34/', 'address not allowed: only http and https URLs are allowed'],
      [
        'http://93.184.216.34:22/',
        'address not allowed: port 22 is not allowed: only 80, 443 and those above 1024',
      ],
    ] as const) {
      const asyncId = await batchWith(url);
      await callbackBecomes(system, asyncId, 'failed');
      assert.equal((await deliveries(system, asyncId))[0]?.error, error);
    }
  });
});

describe('CALLBACK_ALLOW', () => {
  test('CALLBACK_ALLOW allows the hosts, addresses, ranges and ports that it names, and no others', async (t) => {
    const receiver = await startReceiver(t);
    const { port } = receiver;
    const opened = await startSystem(t, {
      lookup,
      env: {
        CALLBACK_ALLOW: `hook.example.test:${port},127.0.0.2,127.0.1.0/24,10.0.0.5:22`,
        CALLBACK_RETRY_SECONDS: '0',
      },
    });
    resolve(t, 'hook.example.test', ['127.0.0.1']);
    const asyncId = await opened.run([JOB], { callbackUrl: `http://hook.example.test:${port}/hook` });
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    assert.equal(callback.headers.host, `hook.example.test:${port}`);
    await callbackBecomes(opened, asyncId, 'delivered');

    const answers: [string, number][] = [
      [`http://127.0.0.2:${port}/`, 200],
      [`http://127.0.1.77:${port}/`, 200],
      ['http://10.0.0.5:22/', 200],
      [`http://hook.example.test:${port + 1}/`, 400],
      [`http://127.0.0.1:${port}/`, 400],
      [`http://127.0.2.1:${port}/`, 400],
      ['http://10.0.0.5:23/', 400],
      [`http://user@hook.example.test:${port}/`, 400],
    ];
    for (const [callbackUrl, status] of answers)
      assert.equal((await opened.rpc('validate', { jobs: [JOB], callbackUrl })).status, status, callbackUrl);
  });
});

describe('CALLBACK_SECRET', () => {
  test('CALLBACK_SECRET signs the callbacks of tenant default only', async (t) => {
    const given = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const receiver = await startReceiver(t);
    const own = await startSystem(t, { env: { CALLBACK_SECRET: given } });
    assert.deepEqual((await own.request('/v1/callback-secret')).body, { secret: given, previous: [] });
    await own.run([JOB], { callbackUrl: receiver.url });
    const [first] = await receiver.received(1);
    assert.ok(first);
    verified(given, first);

    const made = await own.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['*'] }),
    });
    const headers = { authorization: `Bearer ${made.body.key}` };
    const { secret } = (await own.request('/v1/callback-secret', { headers })).body;
    assert.notEqual(secret, given);
    await own.rpc('run', { jobs: [JOB], callbackUrl: receiver.url }, headers);
    const [, second] = await receiver.received(2);
    assert.ok(second);
    verified(secret, second);
    assert.throws(() => verified(given, second));
  });
});
