/** Cancels jobs that failed before with values of others: their results show the params that they ran with. */
import type { RecordableOutcome } from '../../domain/outcome.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import { cancellations } from './next-messages.ts';
import type { Rest } from './open-jobs.ts';

/**
 * Returns the jobs that are left: those that have not run. The params are made again, one after the other, so that they are
 * not in memory together.
 *
 * @param options.requestOf the params of a job with its values, as JSON text; undefined for one that gets none
 * @param options.add takes the result of a job
 */
export async function cancelBound(
  message: ChunkMessage,
  rest: readonly Rest[],
  options: {
    clock: number;
    stoppedBy: string | null;
    requestOf: (index: number) => Promise<string | undefined>;
    add: (outcome: RecordableOutcome) => void | Promise<void>;
  },
): Promise<Rest[]> {
  const { requestOf, add, ...how } = options;
  const gone = new Set<number>();
  for (const outcome of cancellations(message, { rest, retries: [] }, how)) {
    const request = outcome.startedAt === null ? undefined : await requestOf(outcome.index);
    if (request === undefined) continue;
    gone.add(outcome.index);
    await add({ ...outcome, request });
  }
  return rest.map((jobs) => ({ ...jobs, indexes: jobs.indexes.filter((index) => !gone.has(index)) }));
}
