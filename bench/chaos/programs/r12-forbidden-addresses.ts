/**
 * Callback addresses that lead to internal hosts: in every notation, by a redirect, and by a name whose address
 * changes.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ApiError } from '../../../src/client/index.ts';
import { type DnsRecord, type Question, startDnsServer } from '../../../test/outbound/dns-server.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import type { ChaosResult } from '../support/api.ts';
import { notes } from '../support/jobs.ts';
import { type System, startSystem } from '../support/system.ts';

/** The only allowed address. Its receiver redirects to an internal host. */
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

/** Names that lead inside at once. */
const INSIDE_NAMES: Record<string, DnsRecord[]> = {
  'loopback.test': [{ type: 'A', data: '127.0.0.1' }],
  'private.test': [{ type: 'A', data: '10.0.0.1' }],
  'metadata.test': [{ type: 'A', data: '169.254.169.254' }],
  'six.test': [{ type: 'AAAA', data: '::1' }],
  'mapped.test': [{ type: 'AAAA', data: '::ffff:127.0.0.1' }],
  'both.test': [
    { type: 'A', data: ALLOWED },
    { type: 'A', data: '127.0.0.1' },
  ],
  'alias.test': [
    { type: 'CNAME', data: 'other.test' },
    { name: 'other.test', type: 'A', data: '127.0.0.1' },
  ],
};
/** How often each rebinding name has the allowed address before it leads inside, and then alternates. */
const REBINDING: Record<string, number> = { 'at-once.test': 1, 'second.test': 2, 'third.test': 3 };
/** Of each rebinding name: enough for it to have led inside, and for another attempt after that. */
const LOOK_UPS = 5;

export const program: Program = {
  id: 'R12',
  title: 'callbacks and requests to addresses that lead inside',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { signal, say } = chaos;
    await using stack = new AsyncDisposableStack();
    const names = await startNames(stack);
    const system = stack.use(
      await startSystem(chaos, {
        env: { CALLBACK_ALLOW: ALLOWED, HTTP_ALLOW: ALLOWED },
        resolvConf: names?.resolvConf,
      }),
    );
    const server = await startServer(stack);
    const urls = HOSTS.flatMap((host) => [server.urlOf(host), server.urlOf(host).replace('http', 'https')]);
    urls.push(server.urlOf('user:password@127.0.0.1'), server.urlOf(`${ALLOWED}@127.0.0.1`));
    if (names) urls.push(...Object.keys(INSIDE_NAMES).map(server.urlOf));
    const taken: string[] = [];
    for (const url of urls) {
      const { batches } = system.api.client;
      const created = batches.create({ jobs: notes(1), callbackUrl: url }, { signal });
      const status = await created.then(
        () => 202,
        (error: ApiError) => error.status,
      );
      if (status !== 400) taken.push(`${url}: ${status}`);
    }
    await request(system, urls);
    system.receiver.behave('redirect', (_request, response, number) =>
      response.writeHead(number === 1 ? 307 : 204, { location: server.urlOf('127.0.0.1') }).end(),
    );
    await system.take(notes(1), { name: 'redirect', host: ALLOWED });
    const rebinding = names && (await rebind(system, server, names, signal));
    say(`${names?.inside() ?? 0} look-ups were answered with an address inside`);
    await until(() => system.receiver.log.some(({ name }) => name === 'redirect'), { signal });
    const done = `${urls.length} addresses: private, special, mapped, decimal, octal, hexadecimal, names, as callback and by http.request; a redirect`;
    const findings = await system.checker.conclude(done, { withinMs: 60_000, signal });
    await wait(1_000, undefined, { signal });
    const connections = server.inside();
    return [
      ...findings,
      {
        done: '',
        must: 'each callback address is refused when the batch is sent',
        came: `${taken.length} were taken ${taken.slice(0, 5).join(', ')}`.trim(),
        held: taken.length === 0,
      },
      rebinding ?? {
        done: 'no name that changes its address',
        must: 'a name server of its own',
        came: 'the product cannot be given one here: it takes root',
        held: false,
      },
      {
        done: 'all of this',
        must: 'no connection is made to what is not allowed',
        came: `${connections} connections`,
        held: connections === 0,
      },
    ];
  },
};

/** What listens on every address of this machine, and cuts each connection. */
interface Server {
  urlOf(host: string): string;
  /** Connections to addresses that are not allowed, and to the one that is. */
  inside(): number;
  allowed(): number;
}

async function startServer(stack: AsyncDisposableStack): Promise<Server> {
  const counts = { inside: 0, allowed: 0 };
  const server = createServer((socket) => {
    counts[socket.localAddress?.endsWith(ALLOWED) ? 'allowed' : 'inside'] += 1;
    socket.destroy();
  }).listen(0, '::');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: (host) => `http://${host}:${port}/`,
    inside: () => counts.inside,
    allowed: () => counts.allowed,
  };
}

interface Names {
  /** Names the server to the product. */
  resolvConf: string;
  /** How often a rebinding name was looked up. */
  asked(name: string): number;
  /** How many look-ups of rebinding names were answered with an address inside. */
  inside(): number;
}

/** A name server for the names of above; undefined where the product cannot be given one. */
async function startNames(stack: AsyncDisposableStack): Promise<Names | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const asked = new Map<string, number>();
  let inside = 0;
  const after = (end: () => unknown) => stack.defer(async () => void (await end()));
  const { address } = await startDnsServer({ after }, ({ name, type }) => {
    const [, base = ''] = /([^.]+\.test)$/.exec(name) ?? [];
    const allowedFirst = REBINDING[base];
    if (allowedFirst === undefined)
      return { records: (INSIDE_NAMES[name] ?? []).filter((record) => isFor(type, record)) };
    if (type !== 'A') return { records: [] };
    const number = (asked.get(name) ?? 0) + 1;
    asked.set(name, number);
    const isAllowed = number <= allowedFirst || (number - allowedFirst) % 2 === 0;
    if (!isAllowed) inside += 1;
    return { records: [{ type: 'A', data: isAllowed ? ALLOWED : '127.0.0.1', ttl: 0 }] };
  });
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-chaos-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const resolvConf = join(folder, 'resolv.conf');
  await writeFile(resolvConf, `nameserver ${address}\n`);
  return { resolvConf, asked: (name) => asked.get(name) ?? 0, inside: () => inside };
}

function isFor(asked: Question['type'], { type }: DnsRecord): boolean {
  return type === asked || type === 'CNAME';
}

/** Each must fail. */
async function request({ api, checker }: System, urls: readonly string[]): Promise<void> {
  const jobs = urls.map((url) => ({ namespace: 'http', action: 'request', params: { url } }));
  const { asyncId } = await api.client.batches.create({ jobs, options: { skipInvalid: true } });
  const isRight = ({ status }: ChaosResult) => status === 'failed';
  checker.watch({ asyncId, jobs: jobs.length, isRight });
}

/** Callbacks and requests to names whose address is another at the next look-up. */
async function rebind(system: System, server: Server, names: Names, signal: AbortSignal): Promise<Finding> {
  const bases = Object.keys(REBINDING);
  const hosts = bases.map((base) => `callback.${base}`);
  for (const host of hosts) await system.api.run(notes(1), server.urlOf(host));
  await request(
    system,
    bases.flatMap((base) => [1, 2, 3].map((number) => server.urlOf(`request-${number}.${base}`))),
  );
  await until(() => hosts.every((host) => names.asked(host) >= LOOK_UPS), { signal, everyMs: 100 });
  return {
    done: `${hosts.length} callbacks and ${bases.length * 3} requests to names that have the allowed address first, then one inside, in turn`,
    must: 'names did lead inside, and only the allowed address had connections',
    came: `${names.inside()} look-ups led inside; ${server.allowed()} connections to the allowed address, ${server.inside()} inside`,
    held: names.inside() >= hosts.length && server.allowed() > 0 && server.inside() === 0,
  };
}
