/**
 * `npm run bench:stages`: where the processor time of W(100k) goes, stage by stage, Node and Postgres apart.
 * Processor time rather than wall time: other work on the machine hardly changes it.
 */
import { readFileSync } from 'node:fs';
import { withClient } from '../test/support/server.ts';
import { checkpoint, startPostgres } from './support/postgres.ts';
import { type Product, startProduct, warmUp } from './support/product.ts';
import { spread } from './support/statistics.ts';
import { batchBody } from './support/workload.ts';

const JOBS = 100_000;
const ROUNDS = 5;
const CLOCK_TICK_MS = 10; // of /proc/<pid>/stat: USER_HZ is 100 on every Linux

/** What each process is busy with, by its name in pg_stat_activity where it is one of Postgres. */
const STAGES = [
  { of: 'API', what: 'Node: receive, cut, parse, check, pack' },
  { of: 'batchwright ingest', what: 'Postgres: COPY the chunks, send their messages, commit' },
  { of: 'batchwright api', what: 'Postgres: answer progress, every 20 ms' },
  { of: 'batchwright worker queue', what: 'Postgres: fetch messages' },
  { of: 'worker', what: 'Node: load, run, hand over results' },
  { of: 'batchwright worker', what: 'Postgres: read chunks, settle, commit' },
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

await using postgres = await startPostgres();
await using product = await startProduct(postgres.url, AbortSignal.timeout(120_000));
await warmUp(product);
const body = batchBody(JOBS);
const rounds: Map<string, number>[] = [];
while (rounds.length < ROUNDS) {
  await checkpoint(postgres.url);
  const before = await processorTimes(product);
  await product.client.ended(await product.client.run(body));
  const after = await processorTimes(product);
  rounds.push(new Map([...after].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)])));
}
const medians = STAGES.map(({ of, what }) => {
  const median = spread(rounds.map((round) => round.get(of) ?? 0))?.median ?? 0;
  return { what, median };
});
for (const { what, median } of medians) process.stdout.write(`${String(median).padStart(6)} ms  ${what}\n`);
const all = medians.reduce((sum, { median }) => sum + median, 0);
process.stdout.write(`${String(all).padStart(6)} ms  in all, median of ${ROUNDS} rounds each\n`);
