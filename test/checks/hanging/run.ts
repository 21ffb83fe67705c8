/** Runs a file that hangs with the suite's runner, and a short limit. */
import { join } from 'node:path';
import { runFiles } from '../../support/run-files.ts';

runFiles(
  ['leaking.ts', 'passing.ts'].map((name) => [join(import.meta.dirname, name)]),
  { silentMs: 4000 },
);
