import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseAllowList, resolveCheck } from '../../src/outbound/address-guard.ts';
import { createLookup, systemLookup } from '../../src/outbound/name-lookup.ts';
import { postStream } from '../../src/outbound/post.ts';
import { type DnsReply, type Question, startDnsServer } from './dns-server.ts';
import { startHttpServer } from './loopback.ts';

const A = (...addresses: string[]): DnsReply => ({
  records: addresses.map((data) => ({ type: 'A', data })),
});
const AAAA = (...addresses: string[]): DnsReply => ({
  records: addresses.map((data) => ({ type: 'AAAA', data })),
});

/** A lookup that asks only this server, with its own versions of the files in /etc. */
async function lookupAt(t: TestContext, servers: string[], files: { hosts?: string; resolv?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-names-'));
  t.after(() => rm(folder, { recursive: true }));
  const [hostsFile, resolvConf] = [join(folder, 'hosts'), join(folder, 'resolv.conf')];
  await writeFile(hostsFile, files.hosts ?? '');
  await writeFile(resolvConf, files.resolv ?? '');
  return { lookup: createLookup({ servers, hostsFile, resolvConf }), hostsFile };
}

/** A server and a lookup that asks it. */
async function startNames(
  t: TestContext,
  answer: (question: Question) => DnsReply | null | Promise<DnsReply | null>,
  files: { hosts?: string; resolv?: string } = {},
) {
  const server = await startDnsServer(t, answer);
  return { server, ...(await lookupAt(t, [server.address], files)) };
}

/** All addresses of the name. */
function resolve(lookup: LookupFunction, name: string): Promise<string[]> {
  return new Promise((done, reject) => {
    lookup(name, { all: true }, (error, found) => {
      if (error) reject(error);
      else done((found as LookupAddress[]).map(({ address }) => address));
    });
  });
}

const unknown = { code: 'ENOTFOUND' };
const unanswered = { code: 'EAI_AGAIN' };

describe('a name', () => {
  test('a name is resolved to the addresses of both families, IPv4 first', async (t) => {
    const { lookup } = await startNames(t, ({ type }) =>
      type === 'A' ? A('192.0.2.1', '192.0.2.2') : AAAA('2001:db8::1', '2001:db8::2:3'),
    );
    assert.deepEqual(await resolve(lookup, 'Hook.Example.test'), [
      '192.0.2.1',
      '192.0.2.2',
      '2001:db8::1',
      '2001:db8::2:3',
    ]);
  });

  test('the lookup returns what sockets ask for: one address or all, of one family or either', async (t) => {
    const { lookup } = await startNames(t, ({ type }) =>
      type === 'A' ? A('192.0.2.1') : AAAA('2001:db8::1'),
    );
    const ask = (options: object) =>
      new Promise<unknown[]>((done) => lookup('hook.example.test', options, (...answer) => done(answer)));
    assert.deepEqual(await ask({}), [null, '192.0.2.1', 4]);
    assert.deepEqual(await ask({ family: 6 }), [null, '2001:db8::1', 6]);
    assert.deepEqual(await ask({ family: 'IPv4', all: true }), [null, [{ address: '192.0.2.1', family: 4 }]]);
    assert.deepEqual(
      await new Promise((done) => lookup('192.0.2.7', { all: true }, (...answer) => done(answer))),
      [null, [{ address: '192.0.2.7', family: 4 }]],
    );
  });

  test('a name of one family is resolved although the server never answers for the other', async (t) => {
    for (const answering of ['A', 'AAAA']) {
      const { lookup } = await startNames(t, ({ type }) =>
        type === answering ? (type === 'A' ? A('192.0.2.1') : AAAA('2001:db8::1')) : null,
      );
      assert.equal((await resolve(lookup, 'hook.example.test')).length, 1, answering);
    }
  });

  test('a name of one family is resolved although the server fails for the other', async (t) => {
    const { lookup } = await startNames(t, ({ type }) =>
      type === 'A' ? A('192.0.2.1') : { code: 'SERVFAIL' },
    );
    assert.deepEqual(await resolve(lookup, 'hook.example.test'), ['192.0.2.1']);
  });

  test('an alias of an alias is resolved to the addresses at its end', async (t) => {
    const { lookup } = await startNames(t, ({ type, name }) => ({
      records: [
        { type: 'CNAME', data: 'two.example.test' },
        { type: 'CNAME', name: 'two.example.test', data: 'three.example.test' },
        ...(type === 'A' ? [{ type, name: 'three.example.test', data: '192.0.2.3' } as const] : []),
      ].filter(() => name === 'one.example.test') as DnsReply['records'] & object,
    }));
    assert.deepEqual(await resolve(lookup, 'one.example.test'), ['192.0.2.3']);
  });

  test('a name with an answer that does not fit is asked for again over TCP', async (t) => {
    const many = Array.from({ length: 30 }, (_, n) => `192.0.2.${n}`);
    const { lookup, server } = await startNames(t, ({ type, transport }) => {
      if (type !== 'A') return {};
      return transport === 'udp' ? { truncated: true } : A(...many);
    });
    assert.deepEqual((await resolve(lookup, 'hook.example.test')).sort(), many.sort());
    assert.ok(server.questions.some(({ transport }) => transport === 'tcp'));
  });

  test('a name with very many addresses is resolved to some of them', async (t) => {
    const many = Array.from({ length: 1500 }, (_, n) => `10.1.${n >> 8}.${n & 255}`);
    const { lookup } = await startNames(t, ({ type, transport }) => {
      if (type !== 'A') return {};
      return transport === 'udp' ? { truncated: true } : A(...many);
    });
    assert.equal((await resolve(lookup, 'hook.example.test')).length, 32);
  });

  test('a name that does not exist, or has no address, is unknown', async (t) => {
    const { lookup } = await startNames(t, ({ name }) => (name.startsWith('no') ? { code: 'NXDOMAIN' } : {}));
    await assert.rejects(resolve(lookup, 'no.example.test'), unknown);
    await assert.rejects(resolve(lookup, 'empty.example.test'), unknown);
  });

  test('a name whose server fails, refuses or cannot be reached is a temporary error', async (t) => {
    const { lookup } = await startNames(t, ({ name }) => ({
      code: name.startsWith('re') ? 'REFUSED' : 'SERVFAIL',
    }));
    await assert.rejects(resolve(lookup, 'refused.example.test'), unanswered);
    await assert.rejects(resolve(lookup, 'fails.example.test'), unanswered);
    const gone = await startDnsServer(t, () => null);
    const away = await lookupAt(t, [gone.address.replace(/:\d+$/, ':1')]);
    await assert.rejects(resolve(away.lookup, 'hook.example.test'), unanswered);
  });

  test('the next server is asked when one does not answer', async (t) => {
    const [silent, good] = await Promise.all([
      startDnsServer(t, () => null),
      startDnsServer(t, ({ type }) => (type === 'A' ? A('192.0.2.1') : {})),
    ]);
    const { lookup } = await lookupAt(t, [silent.address, good.address]);
    assert.deepEqual(await resolve(lookup, 'hook.example.test'), ['192.0.2.1']);
  });
});

describe('look-ups', () => {
  test('look-ups whose server never answers end in time and do not delay others', async (t) => {
    const { lookup } = await startNames(t, ({ name, type }) =>
      name.startsWith('good') ? (type === 'A' ? A('192.0.2.1') : {}) : null,
    );
    const dead = Array.from({ length: 200 }, (_, n) => resolve(lookup, `dead${n}.example.test`));
    let ended = 0;
    for (const look of dead) look.catch(() => ended++);
    for (let n = 0; n < 20; n++)
      assert.deepEqual(await resolve(lookup, `good${n}.example.test`), ['192.0.2.1']);
    assert.equal(ended, 0, 'the others were still waiting');
    for (const look of dead) await assert.rejects(look, unanswered);
  });

  test('look-ups beyond some hundreds are refused at once', async (t) => {
    const { lookup, server } = await startNames(t, () => null);
    const dead = Array.from({ length: 256 }, (_, n) => resolve(lookup, `dead${n}.example.test`));
    for (const look of dead) look.catch(() => {});
    await assert.rejects(resolve(lookup, 'one.more.test'), { ...unanswered, message: /too many look-ups/ });
    assert.ok(!server.questions.some(({ name }) => name === 'one.more.test'));
    await Promise.allSettled(dead);
  });

  test('concurrent look-ups for one name are one', async (t) => {
    const asked = Promise.withResolvers<void>();
    const { lookup, server } = await startNames(t, async ({ type }) => {
      await asked.promise;
      return type === 'A' ? { records: [{ type: 'A', data: '192.0.2.1', ttl: 0 }] } : {};
    });
    const answers = Array.from({ length: 50 }, () => resolve(lookup, 'hook.example.test'));
    asked.resolve();
    for (const answer of answers) assert.deepEqual(await answer, ['192.0.2.1']);
    assert.equal(server.questions.filter(({ type }) => type === 'A').length, 1);
  });

  test('look-ups use an answer for its lifetime, and ask again then', async (t) => {
    let ttl = 60;
    const { lookup, server } = await startNames(t, ({ type }) =>
      type === 'A' ? { records: [{ type: 'A', data: '192.0.2.1', ttl }] } : {},
    );
    const asked = () => server.questions.filter(({ type }) => type === 'A').length;
    for (let n = 0; n < 3; n++) await resolve(lookup, 'kept.example.test');
    assert.equal(asked(), 1);
    ttl = 0;
    for (let n = 0; n < 3; n++) await resolve(lookup, 'moves.example.test');
    assert.equal(asked(), 4);
  });

  test('look-ups do not repeat a failure at once', async (t) => {
    const { lookup, server } = await startNames(t, () => ({ code: 'NXDOMAIN' }));
    for (let n = 0; n < 5; n++) await assert.rejects(resolve(lookup, 'no.example.test'), unknown);
    assert.equal(server.questions.filter(({ type }) => type === 'A').length, 1);
  });
});

describe('the hosts file', () => {
  test('the hosts file comes before the DNS, is read again when it changes, and may be missing', async (t) => {
    const hosts =
      '# names\n192.0.2.9\tHook.example.test hook # one\n2001:db8::9 hook\nfe80::1%lo0 hook\nnonsense hook\n';
    const { lookup, server, hostsFile } = await startNames(t, () => ({ code: 'NXDOMAIN' }), { hosts });
    assert.deepEqual(await resolve(lookup, 'hook.example.TEST.'), ['192.0.2.9']);
    assert.deepEqual(await resolve(lookup, 'hook'), ['192.0.2.9', '2001:db8::9']);
    assert.deepEqual(server.questions, []);
    await writeFile(hostsFile, '192.0.2.10 hook\n');
    assert.deepEqual(await resolve(lookup, 'hook'), ['192.0.2.10']);
    await rm(hostsFile);
    await assert.rejects(resolve(lookup, 'hook'), unknown);
    await writeFile(hostsFile, '');
  });

  test('the hosts file may define localhost; otherwise localhost is this machine, and no server is asked', async (t) => {
    const { lookup, server, hostsFile } = await startNames(t, () => A('192.0.2.66'));
    for (const name of ['localhost', 'LOCALHOST.', 'app.localhost'])
      assert.deepEqual(await resolve(lookup, name), ['127.0.0.1', '::1'], name);
    await writeFile(hostsFile, '127.0.0.2 localhost\n');
    assert.deepEqual(await resolve(lookup, 'localhost'), ['127.0.0.2']);
    assert.deepEqual(server.questions, []);
    assert.ok((await resolve(systemLookup, 'localhost')).includes('127.0.0.1'));
  });
});

describe('the search list of resolv.conf', () => {
  const resolv =
    'nameserver 192.0.2.53\nsearch jobs.svc.cluster.test svc.cluster.test\noptions timeout:2 ndots:2\n';

  test('the search list finds short names, before or after the name itself depending on its dots', async (t) => {
    const known: Record<string, string> = {
      'redis.jobs.svc.cluster.test': '192.0.2.1',
      'api.other.svc.cluster.test': '192.0.2.2',
      'www.example.test': '192.0.2.3',
    };
    const { lookup, server } = await startNames(
      t,
      ({ name, type }) => (known[name] ? (type === 'A' ? A(known[name]) : {}) : { code: 'NXDOMAIN' }),
      { resolv },
    );
    const names = () => server.questions.filter(({ type }) => type === 'A').map(({ name }) => name);
    assert.deepEqual(await resolve(lookup, 'redis'), ['192.0.2.1']);
    assert.deepEqual(await resolve(lookup, 'api.other'), ['192.0.2.2']);
    assert.deepEqual(names(), [
      'redis.jobs.svc.cluster.test',
      'api.other.jobs.svc.cluster.test',
      'api.other.svc.cluster.test',
    ]);
    server.questions.length = 0;
    assert.deepEqual(await resolve(lookup, 'www.example.test'), ['192.0.2.3']);
    assert.deepEqual(names(), ['www.example.test']);
    server.questions.length = 0;
    await assert.rejects(resolve(lookup, 'redis.'), unknown);
    assert.deepEqual(names(), ['redis']);
  });

  test('the search list continues after a name whose server fails', async (t) => {
    const { lookup } = await startNames(
      t,
      ({ name, type }) =>
        name === 'redis.svc.cluster.test' ? (type === 'A' ? A('192.0.2.1') : {}) : { code: 'SERVFAIL' },
      { resolv },
    );
    assert.deepEqual(await resolve(lookup, 'redis'), ['192.0.2.1']);
  });
});

describe('connections use the checked addresses', () => {
  function post(url: string, lookup: LookupFunction) {
    const body = Buffer.from('{}');
    return postStream({
      url,
      headers: {},
      contentLength: body.length,
      body,
      allow: parseAllowList(''),
      lookup,
    });
  }

  test('a name that resolves to other addresses a moment later', async (t) => {
    const receiver = await startHttpServer(t, (_request, response) => response.end());
    let asked = 0;
    const { lookup } = await startNames(t, ({ type }) => {
      if (type !== 'A') return {};
      return { records: [{ type: 'A', data: ++asked === 1 ? '93.184.216.34' : '127.0.0.1', ttl: 0 }] };
    });
    const url = `http://rebinding.example.test:${receiver.port}/`;
    await resolveCheck(new URL(url), parseAllowList(''), { lookup });
    await assert.rejects(post(url, lookup), {
      message: 'address not allowed: rebinding.example.test resolves to a loopback address',
    });
    assert.equal(receiver.connections, 0);
  });

  test('names with one address that is not public, aliases to it, in either family', async (t) => {
    const receiver = await startHttpServer(t, (_request, response) => response.end());
    const replies: Record<string, (type: string) => DnsReply> = {
      'several.example.test': (type) => (type === 'A' ? A('93.184.216.34', '127.0.0.1') : {}),
      'mapped.example.test': (type) => (type === 'A' ? {} : AAAA('::ffff:7f00:1')),
      'six.example.test': (type) => (type === 'A' ? A('93.184.216.34') : AAAA('::1')),
      'alias.example.test': (type) => ({
        records: [
          { type: 'CNAME', data: 'inside.example.test' },
          ...(type === 'A' ? [{ type, name: 'inside.example.test', data: '127.0.0.1' } as const] : []),
        ],
      }),
    };
    const { lookup } = await startNames(t, ({ name, type }) => replies[name]?.(type) ?? { code: 'NXDOMAIN' });
    for (const name of Object.keys(replies)) {
      const url = `http://${name}:${receiver.port}/`;
      await assert.rejects(
        resolveCheck(new URL(url), parseAllowList(''), { lookup }),
        / resolves to an? /,
        name,
      );
      await assert.rejects(
        post(url, lookup),
        /^OutboundError: address not allowed: \S+ resolves to an? /,
        name,
      );
    }
    assert.equal(receiver.connections, 0);
  });
});
