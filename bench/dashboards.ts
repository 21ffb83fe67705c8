/**
 * `node bench/dashboards.ts`: what open dashboards cost the database. It counts the transactions a second (each statement of
 * the API is one) and the processor time of the API, without a dashboard, with one, and with a thousand: first on the list of batches (one event stream each), then on the page of a batch that runs (one event stream,
 * and two requests every two seconds). `--dashboards N` and `--seconds N` change the figures.
 */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { withClient } from '../test/support/server.ts';
import { startPostgres } from './support/postgres.ts';
import { processorMs } from './support/processor-time.ts';
import { type Product, startProduct } from './support/product.ts';

const { values } = parseArgs({
  options: {
    dashboards: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
  },
});
const MANY = Number(values.dashboards);
const SECONDS = Number(values.seconds);
/** Of the figures on the page of a batch. */
const EVERY_MS = 2_000;
/** Jobs that run for longer than the measurement. */
const LONG_MS = 3_600_000;
/** A backend reports its transactions after ten seconds at the latest. */
const CALM_MS = 12_000;

interface Figures {
  transactions: number;
  apiMs: number;
}

/** Opened dashboards; `close` ends them. */
type Open = (product: Product, asyncId: string, count: number) => Promise<{ close(): void }>;

const signal = new AbortController().signal;
await using postgres = await startPostgres();
await using product = await startProduct(postgres.url, signal, { env: { RATE_LIMIT: '0' } });
const jobs = Array.from({ length: 20 }, (_, n) => ({
  namespace: 'bench',
  action: 'wait',
  params: { n, ms: LONG_MS },
}));
const asyncId = await product.client.run(JSON.stringify({ jobs }));
await wait(CALM_MS);

const nobody = await measured(product);
report('nobody looks', nobody, nobody);
for (const [name, open] of Object.entries({
  'the list of batches': openLists,
  'a batch that runs': openPages,
}))
  for (const count of [1, MANY]) {
    const opened = await open(product, asyncId, count);
    await wait(CALM_MS);
    report(`${count} on ${name}`, await measured(product), nobody);
    opened.close();
    await wait(CALM_MS);
  }

async function measured({ databaseUrl, pids: [api = 0] }: Product): Promise<Figures> {
  const before = await figures(databaseUrl, api);
  await wait(SECONDS * 1_000);
  const after = await figures(databaseUrl, api);
  const aSecond = (name: keyof Figures) => (after[name] - before[name]) / SECONDS;
  return { transactions: aSecond('transactions'), apiMs: aSecond('apiMs') };
}

function figures(databaseUrl: string, api: number): Promise<Figures> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query(
      'select xact_commit::int as transactions from pg_stat_database where datname = current_database()',
    );
    return { transactions: rows[0].transactions, apiMs: processorMs(api) };
  });
}

async function openLists(at: Product, _asyncId: string, count: number): ReturnType<Open> {
  const streams = await Promise.all(
    Array.from({ length: count }, () => openStream(at, '/v1/events?newest=true')),
  );
  return { close: () => streams.forEach((stream) => void stream.destroy()) };
}

async function openPages(at: Product, id: string, count: number): ReturnType<Open> {
  const agent = new Agent({ keepAlive: true });
  const streams = await Promise.all(
    Array.from({ length: count }, () => openStream(at, `/v1/batches/${id}/events`)),
  );
  const ask = (figure: string) =>
    request(`${at.url}/v1/batches/${id}/${figure}`, { agent, headers: headersOf(at) }, (answer) =>
      answer.resume(),
    )
      .on('error', () => {})
      .end();
  const timers: NodeJS.Timeout[] = [];
  for (let page = 0; page < count; page++)
    timers.push(
      setTimeout(
        () => {
          const both = () => ['errors', 'timeline?buckets=120'].forEach(ask);
          both();
          timers.push(setInterval(both, EVERY_MS));
        },
        (page / count) * EVERY_MS,
      ),
    );
  return {
    close() {
      timers.forEach(clearTimeout);
      streams.forEach((stream) => void stream.destroy());
      agent.destroy();
    },
  };
}

async function openStream(at: Product, path: string): Promise<IncomingMessage> {
  const sent = request(`${at.url}${path}`, { agent: false, headers: headersOf(at) }).end();
  const [stream] = (await once(sent, 'response')) as [IncomingMessage];
  if (stream.statusCode !== 200) throw new Error(`${path} answered ${stream.statusCode}`);
  return stream.on('error', () => {}).resume();
}

function headersOf({ key }: Product): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

function report(what: string, own: Figures, nobodys: Figures): void {
  const more = own.transactions - nobodys.transactions;
  process.stdout.write(
    `${what.padEnd(32)} ${own.transactions.toFixed(1).padStart(7)} transactions a second (${more.toFixed(1)} more), ` +
      `API ${own.apiMs.toFixed(1)} ms of processor a second\n`,
  );
}
