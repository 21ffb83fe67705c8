import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createLookup } from '../../../src/outbound/name-lookup.ts';
import { startDnsServer } from '../../outbound/dns-server.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { echoJobs } from '../work-jobs.ts';
import { startReceiver } from './deliver-receiver.ts';
import { callbackBecomes } from './deliver-support.ts';

// The real worker, with its lanes, time limits for receivers, and a DNS that answers for some names only.
const dns = await startDnsServer({ after }, ({ name, type }) => {
  if (name.startsWith('dead')) return null;
  return type === 'A' ? { records: [{ type, data: '127.0.0.1' }] } : {};
});
const system = await startSystem(
  { after },
  {
    env: { CALLBACK_RETRY_SECONDS: '1,1,1,1,1,1,1,1,1,1' },
    lookup: createLookup({ servers: [dns.address] }),
  },
);
/** Headers with a key of each of two tenants. */
const tenants: Record<string, string>[] = [{}];
before(async () => {
  const { body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['*'] }),
  });
  tenants.push({ authorization: `Bearer ${body.key}` });
});

/** A batch that ends at once. */
async function endedBatch(callbackUrl: string, tenant = 0): Promise<string> {
  const jobs = [{ namespace: 'test', action: 'echo', params: { n: 'none' } }];
  const batch = { jobs, callbackUrl, options: { skipInvalid: true } };
  const { status, body } = await system.rpc('run', batch, tenants[tenant]);
  assert.equal(status, 200, JSON.stringify(body));
  return body.asyncId;
}

function drip(socket: Socket): boolean {
  socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
  const timer = setInterval(() => socket.write('a'), 100);
  socket.on('close', () => clearInterval(timer));
  return true;
}

describe('callbacks beside slow receivers', () => {
  test('a callback arrives while dozens of other receivers drip, hang, do not read or cannot be resolved', async (t) => {
    const open = new Set<Socket>();
    const held = (socket: Socket) => {
      open.add(socket);
      return socket.on('close', () => open.delete(socket));
    };
    const dripping = await startReceiver(t, { connection: (socket) => drip(held(socket)) });
    const hanging = await startReceiver(t, { connection: (socket) => Boolean(held(socket).resume()) });
    const good = await startReceiver(t);
    // Four callbacks for each of forty hosts, of two tenants in turn.
    const urls = Array.from({ length: 40 }, (_, n) => {
      if (n % 4 < 2) return `http://dead${n}.example.test:${good.port}/`;
      return `http://host${n}.example.test:${n % 4 === 2 ? dripping.port : hanging.port}/`;
    });
    await Promise.all(
      urls.flatMap((url, n) => Array.from({ length: 4 }, () => endedBatch(url, Math.floor(n / 4) % 2))),
    );
    await waitFor(async () => dripping.connections + hanging.connections >= 20, {
      what: 'the bad ones to be called',
    });
    for (let round = 0; round < 3; round++)
      for (const tenant of [0, 1]) {
        const before = [...open];
        const asyncId = await endedBatch(`http://good${round}.example.test:${good.port}/`, tenant);
        await callbackBecomes(system, asyncId, 'delivered');
        const waiting = before.filter((socket) => open.has(socket)).length;
        assert.ok(waiting > 0, `before all that hung were given up (round ${round}, tenant ${tenant})`);
        if (round === 0) assert.equal(waiting, before.length, 'before any of the others was given up');
      }
  });

  test('a callback arrives although a hanging host of its tenant has hundreds waiting', async (t) => {
    const hanging = await startReceiver(t, { connection: (socket) => Boolean(socket.resume()) });
    const good = await startReceiver(t);
    await Promise.all(Array.from({ length: 200 }, () => endedBatch(hanging.url)));
    await waitFor(async () => hanging.connections > 0, { what: 'the first to be under way' });
    const asyncId = await system.run(echoJobs(1), { callbackUrl: good.url });
    await callbackBecomes(system, asyncId, 'delivered');
    assert.ok(hanging.connections <= 8, `${hanging.connections} connections`);
  });

  test('a callback of many results arrives although receivers of another tenant do not read theirs', async (t) => {
    const text = 'x'.repeat(200_000);
    const large = Array.from({ length: 10 }, (_, n) => ({
      namespace: 'test',
      action: 'echo',
      params: { n, text },
    }));
    const unread = await startReceiver(t, { connection: (socket) => Boolean(socket.pause()) });
    for (let n = 0; n < 6; n++) {
      const callbackUrl = `http://unread${n}.example.test:${unread.port}/`;
      const { body } = await system.rpc('run', { jobs: large, callbackUrl }, tenants[1]);
      assert.ok(body.asyncId);
    }
    await waitFor(async () => unread.connections >= 4, { what: 'as many as may be under way' });
    const good = await startReceiver(t);
    const asyncId = await system.run(large, { callbackUrl: good.url });
    const [callback] = await good.received(1);
    assert.ok(callback && callback.body.length > 2_000_000);
    assert.equal(JSON.parse(callback.body).asyncId, asyncId);
    await callbackBecomes(system, asyncId, 'delivered');
  });
});
