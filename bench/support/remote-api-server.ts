/**
 * An API that jobs call: answers every request after API_MS, or with 429 when it has taken API_PER_SECOND requests
 * within the last second. A separate process; it sends its port, and its counts when it is asked.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiCounts } from './remote-api.ts';

const ANSWER_MS = Number(process.env.API_MS ?? 0);
const PER_SECOND = Number(process.env.API_PER_SECOND ?? Number.POSITIVE_INFINITY);
const SECOND_MS = 1000;

const counts: ApiCounts = { requests: 0, refused: 0, connections: 0 };
/** When the requests of the last second were taken, oldest first. */
const taken: number[] = [];

/** Takes the request, or returns the milliseconds until it would be taken. */
function refusedFor(): number {
  const now = performance.now();
  while (taken.length > 0 && now - (taken[0] as number) >= SECOND_MS) taken.shift();
  if (taken.length >= PER_SECOND) return (taken[0] as number) + SECOND_MS - now;
  if (PER_SECOND < Number.POSITIVE_INFINITY) taken.push(now);
  return 0;
}

const server = createServer((request, response) => {
  counts.requests += 1;
  request.resume();
  const refusedMs = refusedFor();
  if (refusedMs > 0) {
    counts.refused += 1;
    response.writeHead(429, { 'retry-after': String(Math.ceil(refusedMs / SECOND_MS)) }).end();
    return;
  }
  setTimeout(() => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  }, ANSWER_MS);
});
server.on('connection', () => {
  counts.connections += 1;
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => process.send?.(counts));
process.once('disconnect', () => process.exit());
