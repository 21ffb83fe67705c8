/**
 * got without a product: sends requests, so many at once, over connections that are kept. A separate process, because
 * its processor time is measured; the message that asks for a run has the address and the number of requests.
 */
import { Agent } from 'node:http';
import got from 'got';
import { range } from './workload.ts';

interface Run {
  url: string;
  requests: number;
  atOnce: number;
}

async function run({ url, requests, atOnce }: Run): Promise<void> {
  const agent = { http: new Agent({ keepAlive: true, maxSockets: atOnce }) };
  const startedAt = performance.now();
  let left = requests;
  await Promise.all(
    range(0, atOnce, async () => {
      while (left-- > 0) await got(url, { agent, retry: { limit: 0 } }).text();
    }),
  );
  process.send?.((performance.now() - startedAt) / 1000);
  agent.http.destroy();
}

process.on('message', (asked: Run) => void run(asked));
process.once('disconnect', () => process.exit());
