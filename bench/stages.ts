/**
 * `npm run bench:stages`: the processor time of W(100k) by stage, separately for Node and Postgres. `npm run
 * bench:stages -- small` does the same for small batches, `-- small callbacks` with their callbacks, `-- chains` for the jobs
 * of W(100k) as chains.
 * Processor time rather than wall time, because other work on the machine changes it less. Two builds, or two settings of
 * one, are compared in pairs of rounds: `--against FOLDER` (another checkout with its dependencies) and `--with
 * NAME=VALUE` (a variable of this build alone) start a second product, and the ratio of each pair is reported.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withClient } from '../test/support/server.ts';
import { checkpoint, startPostgres } from './support/postgres.ts';
import { processorMs } from './support/processor-time.ts';
import { type Product, startProduct, warmUp } from './support/product.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { fromClients, JOBS_EACH } from './support/small-batches.ts';
import { ratios, spread } from './support/statistics.ts';
import { until } from './support/until.ts';
import { batchBody, chainsBody } from './support/workload.ts';

const JOBS = 100_000;
const CHAIN_LENGTH = 100;
const SMALL_BATCHES = 2000;
const ROUNDS = 5;
/** Of a comparison, whose rounds are short: the more pairs, the less the noise of the machine. */
const PAIRS = 40;
/** A round takes some seconds. */
const PAIRS_OF_CHAINS = 12;
const SMALL_BATCHES_OF_A_PAIR = 500;

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

/** The processes that work for the product, by pid. */
type Processes = Map<number, { stage: string; ms: number }>;

async function processorTimes({ databaseUrl, pids }: Product): Promise<Processes> {
  const [api = 0, worker = 0] = pids;
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ pid: number; stage: string }>(
      `select pid, application_name as stage from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    ),
  );
  const all = [{ pid: api, stage: 'API' }, { pid: worker, stage: 'worker' }, ...rows];
  return new Map(all.map(({ pid, stage }) => [pid, { stage, ms: processorMs(pid) }]));
}

/** By stage. A backend that has ended meanwhile, because its connection was idle, has done nothing worth counting. */
function between(before: Processes, after: Processes): Map<string, number> {
  const times = new Map<string, number>();
  for (const [pid, { stage, ms }] of after)
    times.set(stage, (times.get(stage) ?? 0) + ms - (before.get(pid)?.ms ?? 0));
  return times;
}

interface Workload {
  /** The unit of the workload, and their number. */
  unit: string;
  units: number;
  run(): Promise<void>;
}

function largeBatch({ client }: Product, unit: string, body: Buffer): Workload {
  return { unit, units: 1, run: async () => void (await client.ended(await client.run(body))) };
}

function smallBatches(
  { client, databaseUrl }: Product,
  receiver: Receiver | null,
  batches: number,
): Workload {
  const body = batchBody(JOBS_EACH, receiver?.urlOf('callback'));
  const ended = async () => (receiver ? receiver.count() : completed(databaseUrl));
  return {
    unit: `batch of ${JOBS_EACH} jobs`,
    units: batches,
    async run() {
      const before = await ended();
      await fromClients(batches, () => client.run(body));
      await until(async () => (await ended()) - before >= batches, { signal, everyMs: 50 });
    },
  };
}

async function completed(url: string): Promise<number> {
  const count = `select count(*)::int as count from batchwright.batch where state = 'completed'`;
  return (await withClient(url, (client) => client.query(count))).rows[0].count;
}

/** The stages' times in each round, in ms for one unit. */
type Rounds = Map<string, number>[];

async function addRound(rounds: Rounds, product: Product, workload: Workload): Promise<void> {
  await checkpoint(product.databaseUrl);
  const before = await processorTimes(product);
  const since = performance.now();
  await workload.run();
  const elapsed = performance.now() - since;
  const times = between(before, await processorTimes(product)).set(ELAPSED, elapsed);
  rounds.push(new Map([...times].map(([stage, ms]) => [stage, ms / workload.units])));
}

/** Beside the stages: how long the round took. */
const ELAPSED = 'elapsed';

const of = (rounds: Rounds, stage: string) => rounds.map((round) => round.get(stage) ?? 0);
const inAll = (rounds: Rounds) =>
  rounds.map((round) => STAGES.reduce((sum, stage) => sum + (round.get(stage.of) ?? 0), 0));
const median = (values: readonly number[]) => spread(values)?.median ?? 0;

function report({ unit, units }: Workload, own: Rounds, other: Rounds | null): void {
  const shown = (ms: number) => `${ms.toFixed(units > 1 ? 2 : 0).padStart(6)} ms`;
  const line = (what: string, ours: number[], others: number[] | null) => {
    const compared = others ? `${shown(median(others))}  ${ratioOf(ours, others)}` : '';
    process.stdout.write(`${shown(median(ours))}${compared}  ${what}\n`);
  };
  for (const stage of STAGES) line(stage.what, of(own, stage.of), other && of(other, stage.of));
  line(`for one ${unit}, median of ${own.length} rounds each`, inAll(own), other && inAll(other));
  line('passed meanwhile', of(own, ELAPSED), other && of(other, ELAPSED));
}

/** The median of the pairs' ratios, with the quarters of the pairs below and above it. */
function ratioOf(ours: readonly number[], others: readonly number[]): string {
  const sorted = ratios(ours, others)
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN).toFixed(3);
  return `${at(0.5)} (${at(0.25)} to ${at(0.75)})`.padEnd(24);
}

const signal = AbortSignal.timeout(900_000);
const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { against: { type: 'string' }, with: { type: 'string', multiple: true } },
});
const isCompared = options.against !== undefined || options.with !== undefined;
await using postgres = await startPostgres();
await using stack = new AsyncDisposableStack();
const receiver = stack.use(await startReceiver());
const env = Object.fromEntries((options.with ?? []).map((pair) => pair.split(/=(.*)/s)));
const isOf = (word: string) => words.includes(word);
function workloadOf(product: Product): Workload {
  if (isOf('small')) {
    const batches = isCompared ? SMALL_BATCHES_OF_A_PAIR : SMALL_BATCHES;
    return smallBatches(product, isOf('callbacks') ? receiver : null, batches);
  }
  if (isOf('chains'))
    return largeBatch(product, `W(100k) as chains of ${CHAIN_LENGTH}`, chainsBody(JOBS, CHAIN_LENGTH));
  return largeBatch(product, 'W(100k)', batchBody(JOBS));
}
const measured: { product: Product; workload: Workload; rounds: Rounds }[] = [];
for (const settings of isCompared ? [{ env }, { root: options.against && resolve(options.against) }] : [{}]) {
  const product = stack.use(await startProduct(postgres.url, signal, settings));
  await warmUp(product);
  const workload = workloadOf(product);
  if (isCompared) await workload.run();
  measured.push({ product, workload, rounds: [] });
}
const pairs = isOf('chains') ? PAIRS_OF_CHAINS : PAIRS;
for (let round = 0; round < (isCompared ? pairs : ROUNDS); round++)
  // Each is the first of every second pair.
  for (const { product, workload, rounds } of round % 2 ? measured.toReversed() : measured)
    await addRound(rounds, product, workload);
const [own, other] = measured;
if (own) report(own.workload, own.rounds, other?.rounds ?? null);
