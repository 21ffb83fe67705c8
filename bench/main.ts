/**
 * `npm run bench`: measures the speed targets with their peers and the limit, on its own Postgres, prints one
 * table and writes it to bench/RESULTS.md. `npm run bench -- S1 S4 --n 10000 --rounds 1` measures some of
 * them, with fewer jobs, and only prints the result.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { circumstances, peerVersions } from './support/machine.ts';
import { startPostgres } from './support/postgres.ts';
import { markdownReport, type Outcome, terminalTable } from './support/report.ts';
import { withinLimit } from './support/run-limit.ts';
import type { Target } from './targets/target.ts';

const TARGETS = join(import.meta.dirname, 'targets');
const REPORT = join(import.meta.dirname, 'RESULTS.md');
const ROUNDS = 3;

interface Options {
  ids: string[];
  n: number | undefined;
  rounds: number;
}

/** True when all targets were measured; throws for wrong options. */
async function main(args: string[], interrupted: AbortSignal): Promise<boolean> {
  const options = readOptions(args);
  const targets = await selectTargets(options.ids);
  await using postgres = await startPostgres();
  const run = circumstances(postgres.version, await peerVersions());
  const outcomes: Outcome[] = [];
  for (const target of targets) {
    if (interrupted.aborted) break;
    process.stdout.write(`${target.id}, ${target.title}\n`);
    outcomes.push(await measure(target, options, postgres.url, interrupted));
  }
  process.stdout.write(`\n${terminalTable(outcomes)}\n\n${run.lines().join('\n')}\n`);
  const isWhole = args.length === 0 && outcomes.length === targets.length && !interrupted.aborted;
  if (isWhole) await writeFile(REPORT, markdownReport(run.lines(), outcomes));
  return outcomes.length === targets.length && !outcomes.some(({ failed }) => failed);
}

/** A target that fails gets a row that says so, and the others continue. */
async function measure(
  target: Target,
  { n, rounds }: Options,
  postgresUrl: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const say = (line: string) => process.stdout.write(`  ${line}\n`);
  const size = (jobs: number) => n ?? jobs;
  try {
    signal.throwIfAborted();
    const runs = rounds * Math.max(1, target.engines?.length ?? 0);
    const rows = await withinLimit({ signal, runs }, (limited) =>
      target.measure({ postgresUrl, rounds, size, say, signal: limited }),
    );
    return { target, failed: rows.some((row) => row.failed), rows };
  } catch (error) {
    const why = error as Error;
    say(`failed: ${signal.aborted ? why.message : why.stack}`);
    const missing = `not measured: ${why.message}`;
    return { target, failed: true, rows: [{ what: target.title, unit: '', values: [], missing }] };
  }
}

async function selectTargets(ids: string[]): Promise<Target[]> {
  const files = (await readdir(TARGETS)).filter((name) => /^s\d+-.*\.ts$/.test(name)).sort();
  const modules = await Promise.all(files.map((name) => import(join(TARGETS, name))));
  const targets: Target[] = modules.map(({ target }) => target);
  const unknown = ids.find((id) => !targets.some((target) => target.id === id));
  if (unknown) throw new Error(`there is no target ${unknown}: ${targets.map(({ id }) => id).join(', ')}`);
  return ids.length === 0 ? targets : targets.filter(({ id }) => ids.includes(id));
}

function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { n: { type: 'string' }, rounds: { type: 'string' } },
  });
  return {
    ids: positionals.map((id) => id.toUpperCase()),
    n: count('n', values.n),
    rounds: count('rounds', values.rounds) ?? ROUNDS,
  };
}

function count(name: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9]\d*$/.test(text))
    throw new Error(`--${name} must be a whole number from 1`);
  return text === undefined ? undefined : Number(text);
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)));
// An uncaught error of an engine ends the run, after everything that was started has ended.
process.on('uncaughtException', (error) => interrupt.abort(error));
try {
  const isMeasured = await main(process.argv.slice(2), interrupt.signal);
  process.exit(isMeasured && !interrupt.signal.aborted ? 0 : 1);
} catch (error) {
  process.stderr.write(`npm run bench: ${(error as Error).message}\n`);
  process.exit(1);
}
