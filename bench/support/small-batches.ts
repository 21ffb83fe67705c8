/** Many small batches: what S5 measures, of ours and of the peers. */
import { range } from './workload.ts';

export const JOBS_EACH = 10;
export const CLIENTS = 32;

/** `send` for each batch of so many, by clients of which each sends its next when the one before is answered. */
export async function fromClients(batches: number, send: (batch: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    range(0, CLIENTS, async () => {
      while (next < batches) await send(next++);
    }),
  );
}
