/**
 * `npm test`: every test file except those of test/e2e, which `npm run test:e2e` runs (`node test/run.ts
 * e2e`). Long files start early, so that the last file to end is a short one.
 */
import { globSync } from 'node:fs';
import { join, sep } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const E2E = 'e2e';
/** Folders with the longest files: they start processes of the product, and wait for them. */
const LONG = ['cli', 'embedded', 'main', 'worker'];
/**
 * Number of other files after each long file: long ones are spread, and all have started by two thirds of the
 * run.
 */
const OTHERS_BETWEEN = 3;
/** More than the two processors of a small machine, because files wait for more than half of their time. */
const FILES_AT_ONCE = 5;

const [only] = process.argv.slice(2);
const byName = globSync('**/*.test.ts', { cwd: import.meta.dirname })
  .filter((file) => (folderOf(file) === E2E) === (only === E2E))
  .sort();
const long = byName.filter((file) => LONG.includes(folderOf(file)));
const others = byName.filter((file) => !long.includes(file));
const inOrder = long.flatMap((file) => [file, ...others.splice(0, OTHERS_BETWEEN)]).concat(others);

// The runner then ends its test processes and the Postgres that it started.
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

// A constant, because the types of `run` do not know globalSetupPath.
const options = {
  files: inOrder.map((file) => join(import.meta.dirname, file)),
  concurrency: FILES_AT_ONCE,
  // Only a failing test takes this long.
  timeout: 240_000,
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
