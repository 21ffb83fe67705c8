/**
 * `npm run chaos`: breaks the product in every way of the reliability list, as a user runs it, and reports
 * which guarantees held. A complete run is written to bench/CHAOS.md; `npm run chaos -- R1 R16` runs some
 * programs and only prints. `--full` uses the full counts, and with `--minutes 30` R15 lasts that long. The exit
 * code is 1 when something did not
 * hold.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { circumstances } from '../support/machine.ts';
import { startPostgres } from '../support/postgres.ts';
import { withinLimit } from '../support/run-limit.ts';
import type { Chaos, Finding, Program } from './program.ts';
import { isHeld, markdownReport, type Outcome, terminalTable } from './report.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');
const REPORT = join(import.meta.dirname, '../CHAOS.md');
/** The time limit of a program with its small counts, and with its full ones. */
const LIMIT_SECONDS = { small: 480, full: 7200 };

interface Length {
  full: boolean;
  minutes: number | undefined;
}

/** True when everything held; throws for wrong options. */
async function main(args: string[], interrupted: AbortSignal): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { full: { type: 'boolean', default: false }, minutes: { type: 'string' } },
  });
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0)) throw new Error('--minutes must be a number above 0');
  const length = { full: values.full, minutes };
  const programs = await selectPrograms(positionals.map((id) => id.toUpperCase()));
  const outcomes: Outcome[] = [];
  const run = circumstances(await postgresVersion());
  for (const program of programs) {
    if (interrupted.aborted) break;
    process.stdout.write(`${program.id}, ${program.title}\n`);
    const outcome = await runOne(program, length, interrupted);
    outcomes.push(outcome);
    process.stdout.write(`${terminalTable(outcome)}\n\n`);
  }
  const ends = outcomes.map(
    (outcome) => `${outcome.program.id} ${isHeld(outcome) ? 'held' : 'DID NOT HOLD'}`,
  );
  process.stdout.write(`${ends.join(', ')}\n`);
  const isWhole =
    positionals.length === 0 &&
    minutes === undefined &&
    outcomes.length === programs.length &&
    !interrupted.aborted;
  if (isWhole) await writeFile(REPORT, markdownReport(run.lines(), outcomes));
  return outcomes.length === programs.length && outcomes.every(isHeld);
}

/** A program that fails gets a row that says so, and the others continue. */
async function runOne(program: Program, length: Length, interrupted: AbortSignal): Promise<Outcome> {
  const startedAt = performance.now();
  const { full, minutes = 0 } = length;
  const runSeconds = minutes * 60 + (full ? LIMIT_SECONDS.full : LIMIT_SECONDS.small);
  const findings = await withinLimit({ signal: interrupted, runSeconds }, (signal) =>
    onOwnPostgres(program, length, signal),
  ).catch((error: Error): Finding[] => {
    process.stdout.write(`  failed: ${error.stack}\n`);
    return [{ done: program.title, must: 'the program runs to its end', came: error.message, held: false }];
  });
  return { program, seconds: (performance.now() - startedAt) / 1000, findings };
}

async function onOwnPostgres(
  program: Program,
  { full, minutes }: Length,
  signal: AbortSignal,
): Promise<Finding[]> {
  await using postgres = await startPostgres();
  const chaos: Chaos = {
    postgres,
    scale: (whole, small) => (full ? whole : small),
    minutes,
    say: (line) => process.stdout.write(`  ${line}\n`),
    signal,
  };
  return await program.run(chaos);
}

async function postgresVersion(): Promise<string> {
  await using postgres = await startPostgres();
  return postgres.version;
}

async function selectPrograms(ids: string[]): Promise<Program[]> {
  const files = (await readdir(PROGRAMS)).filter((name) => /^r\d+-.*\.ts$/.test(name)).sort();
  const modules = await Promise.all(files.map((name) => import(join(PROGRAMS, name))));
  const programs: Program[] = modules.map(({ program }) => program);
  const unknown = ids.find((id) => !programs.some((program) => program.id === id));
  if (unknown) throw new Error(`there is no program ${unknown}: ${programs.map(({ id }) => id).join(', ')}`);
  return ids.length === 0 ? programs : programs.filter(({ id }) => ids.includes(id));
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)));
try {
  const held = await main(process.argv.slice(2), interrupt.signal);
  process.exit(held && !interrupt.signal.aborted ? 0 : 1);
} catch (error) {
  process.stderr.write(`npm run chaos: ${(error as Error).message}\n`);
  process.exit(1);
}
