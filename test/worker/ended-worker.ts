/**
 * Loaded ahead of a worker's program: the worker ends at once. When the file of READY_FILE exists, it deletes the file
 * and first reports that it takes jobs.
 */
import { existsSync, rmSync } from 'node:fs';
import type { WorkerReport } from '../../src/worker/supervisor.ts';

const READY: WorkerReport = { kind: 'ready' };
const { READY_FILE = '' } = process.env;

if (existsSync(READY_FILE)) {
  rmSync(READY_FILE);
  await new Promise((sent) => process.send?.(READY, sent));
}
process.exit(3);
