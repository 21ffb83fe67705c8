/** Releases jobs whose release is left, because the process that noted an end has died or has given up. */
import { type Rounds, startRounds } from '../../domain/rounds.ts';
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
export function startReleasingLeft(deps: ReleaserDeps, times: ReleaseTimes = RELEASE_TIMES): Rounds {
  // The next look does what failed.
  const look = () =>
    releaseLeft(deps, times.minAgeSeconds).catch((error: unknown) =>
      deps.log.warn({ err: error }, 'jobs whose release is left were not looked for'),
    );
  return startRounds(times.everyMs, look, { atOnce: true });
}

async function releaseLeft(deps: ReleaserDeps, minAgeSeconds: number): Promise<void> {
  const batches = await batchesWithNotes(deps.pool, minAgeSeconds);
  await eachBatch(deps.log, batches, 'waiting jobs of a batch were not released', (id) =>
    releaseAll(deps, id),
  );
  if (batches.length > 0)
    deps.log.warn({ batches: batches.length }, 'jobs released that no process had released');
}
