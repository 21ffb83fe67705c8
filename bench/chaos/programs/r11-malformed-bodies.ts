/** Random and malformed bodies, for every route that accepts one. */
import { randomBytes, randomInt } from 'node:crypto';
import { Agent, request as send } from 'node:http';
import { gzipSync } from 'node:zlib';
import pLimit from 'p-limit';
import { residentMegabytes } from '../../support/processes.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { type System, startSystem } from '../support/system.ts';

const SENDERS = 16;
const MEGABYTES = 500;
const ROUTES = [
  '/batch?action=run',
  '/batch?action=validate',
  '/batch?action=progress',
  '/batch?action=results',
  '/batch?action=cancel',
  '/v1/batches',
  '/v1/keys',
  '/api/1.0/chaos?action=note',
  '/api/1.0/batch?action=run',
];
const TYPES = ['application/json', 'application/x-ndjson', 'text/plain', ''];
const ENCODINGS = ['', '', '', 'gzip', 'br', 'deflate', 'nonsense'];
const GOOD = Buffer.from(JSON.stringify({ jobs: notes(3), options: { skipInvalid: true } }));

/** Ways to make a body. */
const BODIES: (() => Buffer)[] = [
  () => randomBytes(randomInt(2_000)),
  () => GOOD.subarray(0, randomInt(GOOD.length)),
  () => changed(GOOD, randomInt(1, 8)),
  () => Buffer.from('['.repeat(randomInt(1, 20_000))),
  () => Buffer.from(`{"jobs":${'{"a":'.repeat(randomInt(1, 2_000))}`),
  () => Buffer.from(`{"jobs":[${'null,'.repeat(randomInt(1, 500))}null]}`),
  () =>
    Buffer.from(
      `{"jobs":[{"namespace":"chaos","action":"note","params":{"n":${'9'.repeat(randomInt(1, 2_000))}}}]}`,
    ),
  () =>
    Buffer.concat([Buffer.from('{"jobs":[{"namespace":"'), randomBytes(randomInt(50)), Buffer.from('"}]}')]),
  () => gzipSync(Buffer.alloc(randomInt(1, 200_000), 32)),
];

export const program: Program = {
  id: 'R11',
  title: 'random and malformed bodies',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal } = chaos;
    const count = scale(1_000_000, 10_000);
    await using system = await startSystem(chaos);
    const idle = residentMegabytes([system.main().pid]);
    const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
    const limit = pLimit(SENDERS);
    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    let most = idle;
    for (let sent = 0; sent < count; sent += 1_000) {
      signal.throwIfAborted();
      const slice = Array.from({ length: Math.min(1_000, count - sent) }, () =>
        limit(() => sendOne(system, agent)),
      );
      for (const { status, what } of await Promise.all(slice)) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500 && wrong.length < 5) wrong.push(`${status} for ${what}`);
      }
      most = Math.max(most, residentMegabytes([system.main().pid]));
    }
    agent.destroy();
    await system.take(notes(100));
    const table = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${status}: ${times}`);
    return [
      {
        done: `${count} random, cut, changed, deep and badly compressed bodies at ${ROUTES.length} routes`,
        must: 'no answer of 500 or above',
        came: [table.join(', '), ...wrong].join('; '),
        held: wrong.length === 0,
      },
      {
        done: '',
        must: `the API takes at most ${MEGABYTES} MB more than before`,
        came: `${(most - idle).toFixed(0)} MB more than ${idle.toFixed(0)}`,
        held: most - idle <= MEGABYTES,
      },
      ...(await system.checker.conclude('a batch after that', { withinMs: 60_000, signal })),
      system.alive(''),
      system.workersLived(),
    ];
  },
};

function one<Item>(items: readonly Item[]): Item {
  return items[randomInt(items.length)] as Item;
}

/** Changes some of its bytes. */
function changed(good: Buffer, bytes: number): Buffer {
  const copy = Buffer.from(good);
  for (let count = 0; count < bytes; count++) copy[randomInt(copy.length)] = randomInt(256);
  return copy;
}

/** Status 0 means a cut connection, for example after an answer that came before the body's end. */
function sendOne({ api }: System, agent: Agent): Promise<{ status: number; what: string }> {
  const [path, type, encoding, body] = [one(ROUTES), one(TYPES), one(ENCODINGS), one(BODIES)()];
  const what = `${path} ${type} ${encoding} ${body.subarray(0, 80).toString('latin1')}`;
  const headers = {
    authorization: `Bearer ${api.key}`,
    ...(type !== '' && { 'content-type': type }),
    ...(encoding !== '' && { 'content-encoding': encoding }),
  };
  return new Promise((resolve) => {
    const request = send(`${api.url}${path}`, { method: 'POST', agent, headers }, (response) => {
      response.resume().once('close', () => resolve({ status: response.statusCode ?? 0, what }));
    });
    request.once('error', () => resolve({ status: 0, what }));
    request.end(body);
  });
}
