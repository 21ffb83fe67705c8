/**
 * The worker thread that parses and checks large jobs, so that a job of 20 MiB does not stop the event
 * loop of the API. It loads the same plugins as the main thread. One message in, one answer out, in order.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { checkJob, isProblem } from './job.ts';
import type { LargeJobAnswer, LargeJobRequest } from './large-jobs.ts';
import { loadRegistry } from './registry.ts';

const registry = loadRegistry(workerData.roots as string[]);

parentPort?.on('message', ({ id, bytes }: LargeJobRequest) => {
  void answer(bytes).then((told) => parentPort?.postMessage({ id, ...told } satisfies LargeJobAnswer));
});

async function answer(bytes: Uint8Array): Promise<Omit<LargeJobAnswer, 'id'>> {
  let job: unknown;
  try {
    job = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch (error) {
    return { syntaxError: (error as Error).message };
  }
  const checked = checkJob(await registry, job);
  if (isProblem(checked)) return { problem: checked };
  return { valid: { id: checked.id, name: checked.entry.name } };
}
