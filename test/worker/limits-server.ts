/** A server that jobs call, so that a test sees when they run. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CalledServer {
  url: string;
  /** When each job began, in ms since 1970. */
  calls: { at: number; account: string; index: number }[];
  /** Calls under way, and the most at any time; by account. */
  running: Map<string, number>;
  most: Map<string, number>;
  /** So many calls are answered 429 from now on, with this Retry-After in seconds. */
  refuse(calls: number, seconds: number): void;
  /** Calls are answered only after this is called. */
  answer(): void;
  /** The most jobs, of the account if it is given, that began in any second. */
  mostInSecond(account?: string): number;
}

/**
 * @param options.isHolding calls are not answered before `answer`
 * @param options.address one of this machine's own
 */
export async function startCalledServer(
  t: { after(fn: () => unknown): void },
  { isHolding = false, address = '127.0.0.1' } = {},
): Promise<CalledServer> {
  let holds = isHolding;
  let refusal = { calls: 0, seconds: 0 };
  const waiting: ServerResponse[] = [];
  const calls: CalledServer['calls'] = [];
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://server').searchParams;
    const account = query.get('account') ?? '';
    calls.push({ at: Number(query.get('at')), account, index: Number(query.get('index')) });
    const now = (running.get(account) ?? 0) + 1;
    running.set(account, now);
    most.set(account, Math.max(most.get(account) ?? 0, now));
    response.once('close', () => running.set(account, (running.get(account) ?? 0) - 1));
    if (refusal.calls > 0) {
      refusal.calls--;
      response.writeHead(429, { 'retry-after': String(refusal.seconds) }).end();
    } else if (holds) waiting.push(response);
    else response.end();
  });
  server.listen(0, address);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}/`,
    calls,
    running,
    most,
    refuse(calls, seconds) {
      refusal = { calls, seconds };
    },
    answer() {
      holds = false;
      for (const response of waiting.splice(0)) response.end();
    },
    mostInSecond(account) {
      const times = calls
        .filter((one) => account === undefined || one.account === account)
        .map(({ at }) => at);
      return Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + 1000).length));
    },
  };
}
