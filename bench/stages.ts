/**
 * `npm run bench:stages`: the processor time of W(100k) by stage, separately for Node and Postgres. `npm run
 * bench:stages -- small` does the same for small batches, `-- small callbacks` with their callbacks.
 * Processor time rather than wall time, because other work on the machine hardly changes it.
 */
import { readFileSync } from 'node:fs';
import { withClient } from '../test/support/server.ts';
import { checkpoint, startPostgres } from './support/postgres.ts';
import { type Product, startProduct, warmUp } from './support/product.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { fromClients, JOBS_EACH } from './support/small-batches.ts';
import { spread } from './support/statistics.ts';
import { until } from './support/until.ts';
import { batchBody } from './support/workload.ts';

const JOBS = 100_000;
const SMALL_BATCHES = 2000;
const ROUNDS = 5;
const CLOCK_TICK_MS = 10; // of /proc/<pid>/stat: USER_HZ is 100 on every Linux

/** The task of each process; a Postgres backend is named as in pg_stat_activity. */
const STAGES = [
  { of: 'API', what: 'Node: receive, cut, parse, check, pack' },
  { of: 'batchwright ingest', what: 'Postgres: COPY the chunks, send their messages, commit' },
  { of: 'batchwright api', what: 'Postgres: store small batches; answer progress' },
  { of: 'batchwright worker queue', what: 'Postgres: fetch messages' },
  { of: 'worker', what: 'Node: load, run, hand over results' },
  { of: 'batchwright worker', what: 'Postgres: read chunks, settle, commit' },
  { of: 'batchwright callbacks', what: 'Postgres: fetch callbacks, read their results, record them' },
];

function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}

async function processorTimes({ databaseUrl, pids }: Product): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  const add = (name: string, pid: number) => times.set(name, (times.get(name) ?? 0) + processorMs(pid));
  const [api = 0, worker = 0] = pids;
  add('API', api);
  add('worker', worker);
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query('select pid, application_name as name from pg_stat_activity where pid <> pg_backend_pid()'),
  );
  for (const { pid, name } of rows) add(name, pid);
  return times;
}

interface Workload {
  /** The unit of the workload, and their number. */
  unit: string;
  units: number;
  run(): Promise<void>;
}

function largeBatch({ client }: Product): Workload {
  const body = batchBody(JOBS);
  return { unit: 'W(100k)', units: 1, run: async () => void (await client.ended(await client.run(body))) };
}

function smallBatches({ client, databaseUrl }: Product, receiver: Receiver | null): Workload {
  const body = batchBody(JOBS_EACH, receiver?.urlOf('callback'));
  const ended = async () => (receiver ? receiver.count() : completed(databaseUrl));
  return {
    unit: `batch of ${JOBS_EACH} jobs`,
    units: SMALL_BATCHES,
    async run() {
      const before = await ended();
      await fromClients(SMALL_BATCHES, () => client.run(body));
      await until(async () => (await ended()) - before >= SMALL_BATCHES, { signal, everyMs: 50 });
    },
  };
}

async function completed(url: string): Promise<number> {
  const count = `select count(*)::int as count from batchwright.batch where state = 'completed'`;
  return (await withClient(url, (client) => client.query(count))).rows[0].count;
}

const signal = AbortSignal.timeout(600_000);
const words = process.argv.slice(2);
await using postgres = await startPostgres();
await using product = await startProduct(postgres.url, signal);
await using receiver = await startReceiver();
await warmUp(product);
const workload = words.includes('small')
  ? smallBatches(product, words.includes('callbacks') ? receiver : null)
  : largeBatch(product);
const rounds: Map<string, number>[] = [];
while (rounds.length < ROUNDS) {
  await checkpoint(postgres.url);
  const before = await processorTimes(product);
  await workload.run();
  const after = await processorTimes(product);
  rounds.push(
    new Map([...after].map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / workload.units])),
  );
}
const medians = STAGES.map(({ of, what }) => {
  const median = spread(rounds.map((round) => round.get(of) ?? 0))?.median ?? 0;
  return { what, median };
});
const shown = (ms: number) => ms.toFixed(workload.units > 1 ? 2 : 0).padStart(6);
for (const { what, median } of medians) process.stdout.write(`${shown(median)} ms  ${what}\n`);
const all = medians.reduce((sum, { median }) => sum + median, 0);
process.stdout.write(`${shown(all)} ms  for one ${workload.unit}, median of ${ROUNDS} rounds each\n`);
