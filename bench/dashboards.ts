/**
 * `node bench/dashboards.ts`: what open dashboards cost the database. It counts the transactions a second (each statement of
 * the API is one) and the processor time of the API, without a dashboard, and with one and with a thousand on each page that
 * follows something. Each page has one event stream. `--dashboards N` and `--seconds N` change the figures.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
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
/** Jobs that run for longer than the measurement. */
const LONG_MS = 3_600_000;
const AT_ONCE = 100;
/** A backend reports its transactions after ten seconds at the latest. */
const CALM_MS = 12_000;

interface Figures {
  transactions: number;
  apiMs: number;
}

/** The query of each page's stream, for a batch that runs. */
const PAGES: Record<string, (asyncId: string) => string> = {
  'the list of batches': () => 'newest=true',
  'a batch that runs': (id) =>
    `batches=${id}&paths=${paths([`/v1/batches/${id}/errors`, `/v1/batches/${id}/timeline?buckets=120`])}`,
  'its open jobs': (id) => `batches=${id}&paths=${paths([`/v1/batches/${id}/jobs`])}`,
  limits: () => `paths=${paths(['/v1/limits'])}`,
  'callbacks that fail': () => `paths=${paths(['/v1/callbacks'])}`,
  'the system': () => `paths=${paths(['/v1/system'])}`,
};

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
for (const [name, queryOf] of Object.entries(PAGES))
  for (const count of [1, MANY]) {
    const path = `/v1/events?${queryOf(asyncId)}`;
    const streams = await openStreams(product, path, count);
    await wait(CALM_MS);
    report(`${count} on ${name}`, await measured(product), nobody);
    for (const stream of streams) stream.destroy();
    await wait(CALM_MS);
  }

function paths(list: readonly string[]): string {
  return encodeURIComponent(list.join(','));
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

/** Not all at the same moment: people do not open a thousand pages in one either. */
async function openStreams(at: Product, path: string, count: number): Promise<IncomingMessage[]> {
  const streams: IncomingMessage[] = [];
  while (streams.length < count) {
    const some = Math.min(AT_ONCE, count - streams.length);
    streams.push(...(await Promise.all(Array.from({ length: some }, () => openStream(at, path)))));
  }
  return streams;
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
