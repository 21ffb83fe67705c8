import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** Only a failing test takes this long. */
const TEST_MS = 240_000;
/** A file without an event for longer than a test may take hangs: something keeps its process alive. */
const SILENT_MS = TEST_MS + 60_000;
/** More than the two processors of a small machine, because files wait for more than half of their time. */
const FILES_AT_ONCE = 5;

interface Event {
  name: string;
  file?: string | undefined;
}

/**
 * Runs test files as `node --test` does and prints the results. The exit code is 1 when a test failed. A file that
 * hangs is named on standard error and ends the run. The runner's own time limit is for tests: it does not end a
 * process whose tests have all ended.
 *
 * @param options.silentMs how long a file may report nothing; five minutes when absent
 */
export function runFiles(
  files: readonly string[],
  { globalSetupPath, silentMs = SILENT_MS }: { globalSetupPath?: string; silentMs?: number } = {},
): void {
  // The runner then ends its test processes and the Postgres that it started.
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

  const timers = new Map<string, NodeJS.Timeout>();
  function hangs(file: string): void {
    process.exitCode = 1;
    const seconds = silentMs / 1000;
    const place = relative(process.cwd(), file);
    process.stderr.write(
      `\n${place} hangs: it reported nothing for ${seconds} s. A test or a handle keeps its process alive. The run ends.\n`,
    );
    ending.abort();
  }
  function heard({ name, file }: Event, isOver: boolean): void {
    if (file === undefined) return;
    clearTimeout(timers.get(file));
    timers.delete(file);
    // The runner reports a file as a test that has its path as the name.
    if (!(isOver && name === file)) timers.set(file, setTimeout(hangs, silentMs, file).unref());
  }

  // A constant, because the types of `run` do not know globalSetupPath.
  const options = {
    files: [...files],
    concurrency: FILES_AT_ONCE,
    timeout: TEST_MS,
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
