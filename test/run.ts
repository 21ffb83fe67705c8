/**
 * `npm test`: every test file except those of test/e2e and the slow ones, which `npm run test:e2e` runs (`node
 * test/run.ts e2e`). `npm run test:citus` runs the files for a Citus cluster (`node test/run.ts citus`). Long files start
 * early, so that the last file to end is a short one.
 */
import { globSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { runFiles } from './support/run-files.ts';

const E2E = 'e2e';
/** Files that send 100,000 rows, or hundreds of requests with random faults. */
const SLOW = ['large.test.ts', 'mutations.test.ts'];
const CITUS = 'citus';
const CITUS_FILES = ['store/*.test.ts', 'cli/distribute.test.ts'];
/** Folders with the longest files: they start processes of the product, and wait for them. */
const LONG = ['cli', 'embedded', 'main', 'worker'];
/**
 * Number of other files after each long file: long ones are spread, and all have started by two thirds of the
 * run.
 */
const OTHERS_BETWEEN = 3;

const [only] = process.argv.slice(2);
const hasCluster = Boolean(process.env.CITUS_URL);
if (only === CITUS && !hasCluster) {
  console.error('CITUS_URL must name a database of a Citus cluster');
  process.exit(1);
}
const byName = globSync(only === CITUS ? CITUS_FILES : '**/*.test.ts', { cwd: import.meta.dirname })
  .filter((file) => only === CITUS || isForE2e(file) === (only === E2E))
  .sort();
const long = byName.filter((file) => LONG.includes(folderOf(file)));
const others = byName.filter((file) => !long.includes(file));
const inOrder = long.flatMap((file) => [file, ...others.splice(0, OTHERS_BETWEEN)]).concat(others);

// The runner's summary only has the number of skipped tests.
if (only === undefined && !hasCluster)
  process.on('exit', () =>
    console.log('ℹ tests for a Citus cluster did not run: CITUS_URL is not set (CONTRIBUTING.md)'),
  );
runFiles(
  inOrder.map((file) => join(import.meta.dirname, file)),
  { globalSetupPath: join(import.meta.dirname, 'support/global-setup.ts') },
);

function isForE2e(file: string): boolean {
  return folderOf(file) === E2E || SLOW.includes(basename(file));
}

function folderOf(file: string): string {
  return file.split(sep, 1)[0] as string;
}
