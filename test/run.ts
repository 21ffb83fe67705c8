/**
 * `npm test`: every test file except those of test/e2e and the slow ones, which `npm run test:e2e` runs (`node
 * test/run.ts e2e`). `npm run test:citus` runs the files for a Citus cluster (`node test/run.ts citus`).
 */
import { globSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { runFiles } from './support/run-files.ts';

const E2E = 'e2e';
/** Files that send 100,000 rows, or hundreds of requests with random faults. */
const SLOW = ['large.test.ts', 'mutations.test.ts'];
const CITUS = 'citus';
const CITUS_FILES = ['store/*.test.ts', 'cli/distribute.test.ts'];
/** Folders with the longest files: they start processes of the product, and wait for them. Each has a process alone. */
const LONG = ['cli', 'embedded', 'main', 'worker'];
/** Files that measure the memory or the event loop of their own process. */
const MEASURING = ['stalled-readers.test.ts'];
/** Loading the product costs a process more than most files do afterwards: files share it. */
const FILES_PER_PROCESS = 6;

const [only] = process.argv.slice(2);
const hasCluster = Boolean(process.env.CITUS_URL);
if (only === CITUS && !hasCluster) {
  console.error('CITUS_URL must name a database of a Citus cluster');
  process.exit(1);
}
const files = globSync(only === CITUS ? CITUS_FILES : '**/*.test.ts', { cwd: import.meta.dirname })
  .filter((file) => only === CITUS || isForE2e(file) === (only === E2E))
  .sort();
const alone = files.filter(isAlone).map((file) => [file]);
const others = files.filter((file) => !isAlone(file));
const shared = Array.from({ length: Math.ceil(others.length / FILES_PER_PROCESS) }, (_, index) =>
  others.slice(index * FILES_PER_PROCESS, (index + 1) * FILES_PER_PROCESS),
);
// Long files start early, one beside each group, so that the last process to end is a short one.
const inOrder = alone.flatMap((file) => [file, ...shared.splice(0, 1)]).concat(shared);

// The runner's summary only has the number of skipped tests.
if (only === undefined && !hasCluster)
  process.on('exit', () =>
    console.log('ℹ tests for a Citus cluster did not run: CITUS_URL is not set (CONTRIBUTING.md)'),
  );
runFiles(
  inOrder.map((group) => group.map((file) => join(import.meta.dirname, file))),
  { globalSetupPath: join(import.meta.dirname, 'support/global-setup.ts') },
);

function isAlone(file: string): boolean {
  return [E2E, ...LONG].includes(folderOf(file)) || MEASURING.includes(basename(file));
}

function isForE2e(file: string): boolean {
  return folderOf(file) === E2E || SLOW.includes(basename(file));
}

function folderOf(file: string): string {
  return file.split(sep, 1)[0] as string;
}
