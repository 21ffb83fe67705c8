/** Releases jobs whose release is left, because the process that noted an end has died or has given up. */
import { setTimeout as delay } from 'node:timers/promises';
import { batchesWithNotes } from '../../store/plan-notes.ts';
import { type ReleaserDeps, releaseAll } from '../plan/releaser.ts';
import { eachBatch } from './each-batch.ts';

export interface ReleaseTimes {
  everyMs: number;
  /** Ends that were noted more recently are being handed on. */
  minAgeSeconds: number;
}

// As often as the queue looks for messages of dead workers: waiting jobs go on as soon as these.
const RELEASE_TIMES: ReleaseTimes = { everyMs: 5_000, minAgeSeconds: 5 };

/**
 * Looks at once and then at this interval, in every worker: whichever comes first does it.
 *
 * @param times production's when absent
 */
export function startReleasingLeft(
  deps: ReleaserDeps,
  times: ReleaseTimes = RELEASE_TIMES,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await releaseLeft(deps, times.minAgeSeconds).catch((error: unknown) =>
        // The next look does it.
        deps.log.warn({ err: error }, 'jobs whose release is left were not looked for'),
      );
      await delay(times.everyMs, undefined, { signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    stop() {
      stopping.abort();
      return running;
    },
  };
}

async function releaseLeft(deps: ReleaserDeps, minAgeSeconds: number): Promise<void> {
  const batches = await batchesWithNotes(deps.pool, minAgeSeconds);
  await eachBatch(deps.log, batches, 'waiting jobs of a batch were not released', (id) =>
    releaseAll(deps, id),
  );
  if (batches.length > 0)
    deps.log.warn({ batches: batches.length }, 'jobs released that no process had released');
}
