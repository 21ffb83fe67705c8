/**
 * `npm test`: every test file except those that are slow by nature, which `npm run test:e2e` runs (`node test/run.ts
 * e2e`): browsers, packages and documents as pasted (test/e2e), many rows or requests, and processes of the product and
 * database servers that are started and taken down. `npm run test:citus` runs the files for a Citus cluster (`node
 * test/run.ts citus`).
 */
import { globSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { runFiles } from './support/run-files.ts';

const E2E = 'e2e';
/** Files that send 100,000 rows, or hundreds of requests with random faults. */
const SLOW = ['large.test.ts', 'mutations.test.ts'];
/** Folders and files that start processes of the product or database servers, and wait for them. */
const PROCESSES = [
  'embedded/',
  'main/',
  'worker/quarantine/',
  'worker/database-restart.test.ts',
  'worker/frozen-worker.test.ts',
  'worker/killed-when-due.test.ts',
  'worker/slow-statements.test.ts',
  'worker/takeover.test.ts',
];
const CITUS = 'citus';
const CITUS_FILES = [
  'store/*.test.ts',
  'cli/distribute.test.ts',
  'pipeline/plan/{plans,bind,bound-runs,dependents}.test.ts',
  'pipeline/control/{pause,restart-selection}.test.ts',
  'pipeline/upkeep/due-batches.test.ts',
  'pipeline/deliver/deliver.test.ts',
  'http/v1/{open-jobs,system}.test.ts',
];
/** Folders with the longest files. Each has a process alone, and starts early. */
const LONG = ['cli', 'worker'];
/** The longest files, which start first. */
const FIRST = [
  'limits',
  'package',
  'paste-cli',
  'operating',
  'demo',
  'paste-guides',
  'client-runtimes',
  'dashboard-operating',
];
/** Files that measure the memory or the event loop of their own process. */
const MEASURING = ['stalled-readers.test.ts'];
/** Loading the product costs a process more than most files do afterwards: files share it. */
const FILES_PER_PROCESS = 8;

const [only] = process.argv.slice(2);
const hasCluster = Boolean(process.env.CITUS_URL);
if (only === CITUS && !hasCluster) {
  console.error('CITUS_URL must name a database of a Citus cluster');
  process.exit(1);
}
const files = globSync(only === CITUS ? CITUS_FILES : '**/*.test.ts', { cwd: import.meta.dirname })
  .filter((file) => only === CITUS || isSlow(file) === (only === E2E))
  .sort((one, other) => placeOf(one) - placeOf(other) || (one < other ? -1 : 1));
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
  return isSlow(file) || LONG.includes(folderOf(file)) || MEASURING.includes(basename(file));
}

function isSlow(file: string): boolean {
  const isOfProcesses = PROCESSES.some((place) => file.split(sep).join('/').startsWith(place));
  return folderOf(file) === E2E || isOfProcesses || SLOW.includes(basename(file));
}

/** Among files that start early. */
function placeOf(file: string): number {
  const place = FIRST.indexOf(basename(file, '.test.ts'));
  return place === -1 ? FIRST.length : place;
}

function folderOf(file: string): string {
  return file.split(sep, 1)[0] as string;
}
