/** TRUST_PROXY: when X-Forwarded-For is trusted, for the limits by address and for the log. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import express from 'express';
import { readConfig } from '../../../src/config/config.ts';
import { byAddress } from '../../../src/http/auth/rate-limit.ts';
import { startSystem } from '../../support/system.ts';

/** The address of a request from 127.0.0.1 with this X-Forwarded-For. */
async function addressOf(t: TestContext, trustProxy: string, forwardedFor: string): Promise<string> {
  const app = express();
  app.set('trust proxy', readConfig({ TRUST_PROXY: trustProxy }).trustProxy);
  app.get('/', (request, response) => void response.send(byAddress(request)));
  const server = app.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const headers = { 'x-forwarded-for': forwardedFor, connection: 'close' };
  return (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers })).text();
}

describe('X-Forwarded-For', () => {
  for (const trustProxy of ['', 'off', '0', '10.0.0.0/8', '127.0.0.2'])
    test(`X-Forwarded-For from 127.0.0.1 is not trusted with TRUST_PROXY=${trustProxy}`, async (t) => {
      assert.equal(await addressOf(t, trustProxy, '192.0.2.1'), '127.0.0.1');
    });

  for (const trustProxy of ['1', '127.0.0.0/8', '::1, 127.0.0.1'])
    test(`X-Forwarded-For is trusted with TRUST_PROXY=${trustProxy}: its last address counts`, async (t) => {
      assert.equal(await addressOf(t, trustProxy, '192.0.2.1'), '192.0.2.1');
      assert.equal(await addressOf(t, trustProxy, '192.0.2.66, 192.0.2.1'), '192.0.2.1');
    });

  test('with two proxies, given by number or address, the address before the last counts', async (t) => {
    for (const trustProxy of ['2', '127.0.0.1, 10.0.0.0/8'])
      assert.equal(await addressOf(t, trustProxy, '192.0.2.66, 192.0.2.1, 10.1.1.1'), '192.0.2.1');
  });

  test('without an address in X-Forwarded-For the address of the proxy counts', async (t) => {
    for (const nothing of ['unknown', 'x'.repeat(2000), '_hidden', '192.0.2.1:4711'])
      assert.equal(await addressOf(t, '1', nothing), '127.0.0.1');
  });

  test('an IPv6 address counts as its network, and a mapped IPv4 address as itself', async (t) => {
    const network = await addressOf(t, '1', '2001:db8:1:1::1');
    assert.equal(await addressOf(t, '1', '2001:db8:1:2:3:4:5:6'), network);
    assert.notEqual(await addressOf(t, '1', '2001:db8:2::1'), network);
    assert.equal(await addressOf(t, '1', '::ffff:192.0.2.1'), '192.0.2.1');
  });
});

for (const [trustProxy, addresses, statuses] of [
  ['1', ['192.0.2.1', '192.0.2.2'], [404, 404, 404, 404, 429, 429]],
  ['off', ['127.0.0.1'], [404, 404, 429, 429, 429, 429]],
] as const)
  test(`with TRUST_PROXY=${trustProxy} the limit and the log show the visitors as ${addresses}`, async (t) => {
    const { url, log } = await startSystem(t, {
      worker: false,
      env: { RATE_LIMIT: '2', TRUST_PROXY: trustProxy, LOG_LEVEL: 'info' },
    });
    const seen: number[] = [];
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.2']) {
      const headers = { 'x-forwarded-for': address, connection: 'close' };
      seen.push((await fetch(`${url}/event/invitations/default/none/yes`, { headers })).status);
    }
    assert.deepEqual(seen, statuses);
    const logged = log.flatMap(({ req }) => req?.ip ?? []);
    assert.deepEqual([...new Set(logged)], addresses);
  });
