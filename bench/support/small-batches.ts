/** Many small batches: the workload of S5, for ours and the peers. */
import { range } from './workload.ts';

export const JOBS_EACH = 10;
export const CLIENTS = 32;

/**
 * Calls `send` for each batch; each of several clients sends its next batch when the previous one is
 * answered.
 */
export async function fromClients(batches: number, send: (batch: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    range(0, CLIENTS, async () => {
      while (next < batches) await send(next++);
    }),
  );
}
