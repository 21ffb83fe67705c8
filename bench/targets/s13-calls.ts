import { seconds } from '../engines/engine.ts';
import { startGotAlone } from '../support/got-alone.ts';
import { HAS_PROC, processorSeconds } from '../support/processes.ts';
import { type Product, startProduct } from '../support/product.ts';
import { type RemoteApi, startRemoteApi } from '../support/remote-api.ts';
import { ratios } from '../support/statistics.ts';
import { callsBody } from '../support/workload.ts';
import type { Bench, Row, Target } from './target.ts';

const CALLS = 5000;
const API_MS = 5;
/** Requests at once to a host, by default, of a worker process. */
const AT_ONCE = 10;
const WARM_UP_CALLS = 1000;
const HTTP_ALLOW = '127.0.0.1';

const SLOW_API_MS = 50;

/** What one round of calls took. */
interface Calls {
  rate: number;
  /** Of the calling process, in microseconds a call. */
  processorUs: number;
  connections: number;
}

export const target: Target = {
  id: 'S13',
  title: 'calls to an API',
  method:
    '5,000 jobs `http.request` to an API on loopback, in a process of its own, that answers after 5 ms: one batch with ' +
    'default settings and one worker process, from the POST sent until it is completed; beside it, by turns, got alone ' +
    'in a process of its own, ten requests at once over kept connections; processor time as the kernel counts it for ' +
    'the worker and for got; then 5,000 jobs to an API that answers after 50 ms, with one and with two worker ' +
    'processes; each sends ten requests at once to a host',
  async measure(bench) {
    return [...(await besideGot(bench)), ...(await withTwoWorkers(bench))];
  },
};

async function besideGot(bench: Bench): Promise<Row[]> {
  await using api = await startRemoteApi(bench.signal, { ms: API_MS });
  await using product = await startProduct(bench.postgresUrl, bench.signal, { env: { HTTP_ALLOW } });
  await using got = startGotAlone(bench.signal);
  const calls = bench.size(CALLS);
  const inBatch = () => measureCalls(api, workersOf(product), calls, () => runBatch(product, api, calls));
  const alone = () => measureCalls(api, [got.pid], calls, () => got.run(api.url, calls, AT_ONCE));
  await runBatch(product, api, Math.min(WARM_UP_CALLS, calls));
  await got.run(api.url, Math.min(WARM_UP_CALLS, calls), AT_ONCE);
  const [ours, gots]: [Calls[], Calls[]] = [[], []];
  while (ours.length < bench.rounds) {
    ours.push(await inBatch());
    gots.push(await alone());
    bench.say(`${inWords(ours.at(-1))}; got alone ${inWords(gots.at(-1))}`);
  }
  const row = (of: keyof Calls, what: string, unit: string): Row[] => {
    const [values, others] = [ours.map((round) => round[of]), gots.map((round) => round[of])];
    const goal = of === 'rate' ? { least: 0.7 } : { most: 1.6 };
    return [
      {
        what: `http.request: ${what}`,
        unit,
        values,
        ratio: { values: ratios(values, others), to: 'got alone' },
        goal: { of: 'ratio', ...goal },
      },
      { what: `got alone: ${what}`, unit, values: others },
    ];
  };
  return [
    ...row('rate', 'calls to an API of 5 ms, ten at once', 'calls/s'),
    ...(HAS_PROC ? row('processorUs', 'processor time of its process a call', 'µs') : []),
    {
      what: `http.request: connections opened for ${calls} calls`,
      unit: '',
      values: ours.map(({ connections }) => connections),
      goal: { of: 'figure', most: AT_ONCE },
    },
  ];
}

async function withTwoWorkers(bench: Bench): Promise<Row[]> {
  await using api = await startRemoteApi(bench.signal, { ms: SLOW_API_MS });
  const calls = bench.size(CALLS);
  const rates: [number[], number[]] = [[], []];
  while (rates[1].length < bench.rounds) {
    for (const [position, workers] of [1, 2].entries()) {
      const env = { HTTP_ALLOW, WORKERS: String(workers) };
      await using product = await startProduct(bench.postgresUrl, bench.signal, { env });
      await runBatch(product, api, Math.min(WARM_UP_CALLS, calls));
      const rate = calls / (await runBatch(product, api, calls));
      bench.say(`${workers} worker processes: ${Math.round(rate)} calls/s`);
      rates[position]?.push(rate);
    }
  }
  const [one, two] = rates;
  const what = 'http.request: calls to an API of 50 ms';
  return [
    { what: `${what}, one worker process`, unit: 'calls/s', values: one },
    {
      what: `${what}, two`,
      unit: 'calls/s',
      values: two,
      ratio: { values: ratios(two, one), to: 'one process' },
      goal: { of: 'ratio', least: 1.7 },
    },
  ];
}

/** The first process is the API. */
function workersOf({ pids }: Product): readonly number[] {
  return pids.slice(1);
}

/** Resolves to the seconds that the batch took. */
function runBatch({ client }: Product, api: RemoteApi, calls: number): Promise<number> {
  const body = callsBody(calls, api.url);
  return seconds(async () => client.ended(await client.run(body)));
}

/** @param run resolves to the seconds that the calls took */
async function measureCalls(
  api: RemoteApi,
  pids: readonly number[],
  calls: number,
  run: () => Promise<number>,
): Promise<Calls> {
  const before = { processor: processorSeconds(pids), ...(await api.counts()) };
  const took = await run();
  return {
    rate: calls / took,
    processorUs: ((processorSeconds(pids) - before.processor) / calls) * 1e6,
    connections: (await api.counts()).connections - before.connections,
  };
}

function inWords(calls: Calls | undefined): string {
  const { rate = 0, processorUs = 0, connections = 0 } = calls ?? {};
  return `${Math.round(rate)} calls/s, ${Math.round(processorUs)} µs a call, ${connections} connections`;
}
