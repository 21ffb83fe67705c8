import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';

/** Only a failing test takes this long. */
const TEST_MS = 240_000;
/** A file without an event for longer than a test may take hangs: something keeps its process alive. */
const SILENT_MS = TEST_MS + 60_000;
/** More than the two processors of a small machine, because files wait for more than half of their time. */
const PROCESSES_AT_ONCE = 5;
const RUN_GROUP = join(import.meta.dirname, 'run-group.ts');

interface Event {
  name: string;
  file?: string | undefined;
}

/**
 * Runs test files as `node --test` does and prints the results. The exit code is 1 when a test failed. A process that
 * hangs is named by its files on standard error and ends the run. The runner's own time limit is for tests: it does not
 * end a process whose tests have all ended.
 *
 * @param groups absolute paths of the files, by the process that runs them
 * @param options.silentMs how long a process may report nothing; five minutes when absent
 */
export function runFiles(
  groups: readonly (readonly string[])[],
  { globalSetupPath, silentMs = SILENT_MS }: { globalSetupPath?: string; silentMs?: number } = {},
): void {
  // The runner then ends its test processes and the Postgres that it started.
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

  const entries = writeEntries(groups);
  /** The entry of a file's process, by the file. */
  const entryOf = new Map(
    [...entries].flatMap(([entry, files]) => [entry, ...files].map((file) => [file, entry])),
  );
  const timers = new Map<string, NodeJS.Timeout>();
  function hangs(entry: string): void {
    process.exitCode = 1;
    const places = entries.get(entry)?.map((file) => relative(process.cwd(), file)) ?? [];
    process.stderr.write(
      `\n${places.join(', ')} hangs: it reported nothing for ${silentMs / 1000} s. A test or a handle keeps its process alive. The run ends.\n`,
    );
    ending.abort();
  }
  function heard({ name, file }: Event, isOver: boolean): void {
    const entry = file && entryOf.get(file);
    if (!entry) return;
    clearTimeout(timers.get(entry));
    timers.delete(entry);
    // The runner reports a process as a test that has the entry's path as the name.
    if (!(isOver && name === entry)) timers.set(entry, setTimeout(hangs, silentMs, entry).unref());
  }

  // A constant, because the types of `run` do not know globalSetupPath.
  const options = {
    files: [...entries.keys()],
    concurrency: PROCESSES_AT_ONCE,
    // The limit of `run` itself would be for all files of a process.
    execArgv: [`--test-timeout=${TEST_MS}`],
    globalSetupPath,
    signal: ending.signal,
  };
  run(options)
    .on('test:dequeue', (event) => heard(event, false))
    .on('test:complete', (event) => heard(event, true))
    .on('test:summary', ({ success }) => {
      if (!success) process.exitCode = 1;
    })
    .compose(spec)
    .pipe(process.stdout);
}

/** The files that the runner starts, and the test files that each of them runs. A file alone is its own entry. */
function writeEntries(groups: readonly (readonly string[])[]): Map<string, readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'batchwright-groups-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return new Map(
    groups.map((files, index) => {
      if (files.length === 1) return [files[0] as string, files];
      const entry = join(folder, `group-${index}.mjs`);
      const code = `import { runGroup } from '${pathToFileURL(RUN_GROUP)}';\nawait runGroup(${JSON.stringify(files)});\n`;
      writeFileSync(entry, code);
      return [entry, files];
    }),
  );
}
