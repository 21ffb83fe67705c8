/** Callback addresses that lead to internal hosts, in every notation, redirects included. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { startSystem } from '../support/system.ts';

/** The only allowed receiver. It redirects to an internal host. */
const ALLOWED = '127.0.5.5';
const HOSTS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '127.255.255.254',
  '0.0.0.0',
  '0',
  '0x0',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'a.localhost',
  '127.0.0.1.',
  '%31%32%37.0.0.1',
  '１２７.0.0.1',
  '127。0。0。1',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[100::1]',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '100.127.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '[::ffff:a9fe:a9fe]',
];

export const program: Program = {
  id: 'R12',
  title: 'callbacks and requests to addresses that lead inside',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { signal } = chaos;
    await using system = await startSystem(chaos, { env: { CALLBACK_ALLOW: ALLOWED, HTTP_ALLOW: ALLOWED } });
    let connections = 0;
    const inside = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '::');
    await once(inside, 'listening');
    const { port } = inside.address() as AddressInfo;
    const urls = HOSTS.flatMap((host) => [`http://${host}:${port}/`, `https://${host}:${port}/`]);
    urls.push(`http://user:password@127.0.0.1:${port}/`, `http://${ALLOWED}@127.0.0.1:${port}/`);
    const taken: string[] = [];
    for (const url of urls) {
      const body = JSON.stringify({ jobs: notes(1), callbackUrl: url });
      const { status } = await system.api.call('/batch?action=run', { method: 'POST', body });
      if (status !== 400) taken.push(`${url}: ${status}`);
    }
    const calls = urls.map((url) => ({ namespace: 'http', action: 'request', params: { url } }));
    const body = JSON.stringify({ jobs: calls, options: { skipInvalid: true } });
    const request = { method: 'POST', body };
    const { body: answer } = await system.api.call<{ asyncId: string }>('/batch?action=run', request);
    system.checker.watch({
      asyncId: answer.asyncId,
      jobs: calls.length,
      isRight: ({ status }) => status === 'failed',
    });
    system.receiver.behave('redirect', (_request, response, number) =>
      response.writeHead(number === 1 ? 307 : 204, { location: `http://127.0.0.1:${port}/` }).end(),
    );
    await system.take(notes(1), { name: 'redirect', host: ALLOWED });
    await until(() => system.receiver.log.some(({ name }) => name === 'redirect'), { signal });
    const done = `${urls.length} addresses: private, special, mapped, decimal, octal, hexadecimal, as callback and by http.request; a redirect`;
    const findings = await system.checker.conclude(done, { withinMs: 60_000, signal });
    await wait(1_000, undefined, { signal });
    inside.close();
    return [
      ...findings,
      {
        done: '',
        must: 'no connection is made to what is not allowed',
        came: `${connections} connections`,
        held: connections === 0,
      },
      {
        done: '',
        must: 'each callback address is refused when the batch is sent',
        came: `${taken.length} were taken ${taken.slice(0, 5).join(', ')}`.trim(),
        held: taken.length === 0,
      },
    ];
  },
};
