import { startProduct } from '../support/product.ts';
import { startRemoteApi } from '../support/remote-api.ts';
import { callsBody } from '../support/workload.ts';
import type { Bench, Row, Target } from './target.ts';

const CALLS = 1000;
const PER_SECOND = 20;
/** The time allowed, as a factor over the shortest time that the API allows. */
const MOST_TIME = 1.15;
const MOST_REQUESTS = 1.05;

interface Round {
  succeeded: number;
  /** Requests that the API got, by job. */
  requests: number;
  seconds: number;
}

export const target: Target = {
  id: 'S14',
  title: 'calls to an API that refuses',
  method:
    '1,000 jobs `http.request` in one batch to an API on loopback that takes 20 requests in any second and answers the ' +
    'others 429 with Retry-After; default settings, a new product in each round, which knows nothing of the limit; the ' +
    'time from the POST sent until the batch is completed, and the requests that the API got',
  async measure(bench) {
    const calls = bench.size(CALLS);
    const rounds: Round[] = [];
    while (rounds.length < bench.rounds) {
      const round = await measureRound(bench, calls);
      const { succeeded, requests, seconds } = round;
      bench.say(
        `${succeeded} of ${calls} succeeded in ${seconds.toFixed(1)} s, ${requests.toFixed(2)} requests a job`,
      );
      rounds.push(round);
    }
    return rowsOf(rounds, calls);
  },
};

async function measureRound({ postgresUrl, signal }: Bench, calls: number): Promise<Round> {
  await using api = await startRemoteApi(signal, { perSecond: PER_SECOND });
  const env = { HTTP_ALLOW: '127.0.0.1' };
  await using product = await startProduct(postgresUrl, signal, { env });
  const { client } = product;
  const body = callsBody(calls, api.url);
  const startedAt = performance.now();
  const succeeded = await client.succeeded(await client.run(body));
  const seconds = (performance.now() - startedAt) / 1000;
  return { succeeded, requests: (await api.counts()).requests / calls, seconds };
}

function rowsOf(rounds: readonly Round[], calls: number): Row[] {
  const shortest = calls / PER_SECOND;
  const times = rounds.map(({ seconds }) => seconds);
  return [
    {
      what: `jobs of ${calls} that succeeded, the API takes ${PER_SECOND} a second`,
      unit: 'jobs',
      values: rounds.map(({ succeeded }) => succeeded),
      goal: { of: 'figure', least: calls },
    },
    {
      what: 'requests that the API got',
      unit: 'a job',
      values: rounds.map(({ requests }) => requests),
      goal: { of: 'figure', most: MOST_REQUESTS },
    },
    {
      what: 'POST → completed',
      unit: 's',
      values: times,
      ratio: { values: times.map((time) => time / shortest), to: 'the shortest time' },
      goal: { of: 'ratio', most: MOST_TIME },
    },
  ];
}
