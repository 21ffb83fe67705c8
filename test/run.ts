/** `npm test`: every test file, those that take longest first, so that the last one to end is a short one. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** Processes of the product are started, and wait for one another. Other folders follow in the order of their names. */
const LONGEST_FIRST = ['worker', 'docs', 'main', 'cli', 'database', 'pipeline', 'http'];
/** More than the two processors of a small machine: files wait for more than half of their time. */
const FILES_AT_ONCE = 5;

const byName = globSync('**/*.test.ts', { cwd: import.meta.dirname }).sort();
const isIn = (file: string, folder: string) => file.startsWith(join(folder, '/'));
const long = LONGEST_FIRST.flatMap((folder) => byName.filter((file) => isIn(file, folder)));
const files = [...new Set([...long, ...byName])].map((file) => join(import.meta.dirname, file));

// The runner then ends its test processes and the Postgres that it started.
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

// A constant: the types of `run` do not know globalSetupPath yet.
const options = {
  files,
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
