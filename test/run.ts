/**
 * `npm test`: every test file but those of test/e2e, which `npm run test:e2e` runs (`node test/run.ts e2e`).
 * Those that take longest come first, so that the last one to end is a short one.
 */
import { globSync } from 'node:fs';
import { join, sep } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const E2E = 'e2e';
/** Processes of the product are started, and wait for one another. Other folders follow in the order of their names. */
const LONGEST_FIRST = ['worker', 'main', 'cli', 'database', 'pipeline', 'http'];
/** More than the two processors of a small machine: files wait for more than half of their time. */
const FILES_AT_ONCE = 5;

const [only] = process.argv.slice(2);
const byName = globSync('**/*.test.ts', { cwd: import.meta.dirname })
  .filter((file) => (only === undefined ? folderOf(file) !== E2E : folderOf(file) === only))
  .sort();
const long = LONGEST_FIRST.flatMap((folder) => byName.filter((file) => folderOf(file) === folder));

// The runner then ends its test processes and the Postgres that it started.
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

// A constant: the types of `run` do not know globalSetupPath yet.
const options = {
  files: [...new Set([...long, ...byName])].map((file) => join(import.meta.dirname, file)),
  concurrency: FILES_AT_ONCE,
  timeout: 120_000,
  globalSetupPath: join(import.meta.dirname, 'support/global-setup.ts'),
  signal: ending.signal,
};
run(options)
  .on('test:summary', ({ success }) => {
    if (!success) process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);

function folderOf(file: string): string {
  return file.split(sep, 1)[0] as string;
}
