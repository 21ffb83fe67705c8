/** Starts the jobs of a group as their limits let them. */
import { setTimeout as delay } from 'node:timers/promises';
import { mustTurn, nextTurn } from '../throttle/event-loop-turns.ts';
import type { Gate } from '../throttle/gate.ts';
import type { JobGroup } from './open-jobs.ts';
import type { Recorder } from './recorder.ts';

/** How soon jobs that cannot be held look again for their permits. */
const LOOK_AGAIN_MS = 200;

/**
 * Resolves when none of its jobs runs any more, and all have started, are held, or a halt has begun.
 *
 * @param runSome runs one or more jobs in a slot; `permitted`: the permits of the first are taken. Takes them itself
 * otherwise
 */
export async function runGated(
  { recorder, hold }: { recorder: Recorder; hold?: ((group: JobGroup) => void) | undefined },
  group: JobGroup,
  gate: Gate,
  runSome: (permitted: boolean) => Promise<unknown>,
): Promise<void> {
  const runs = new Set<Promise<unknown>>();
  let ended = Promise.withResolvers<void>();
  let isQueued = false;
  let fault: { error: unknown } | undefined;
  function begin(permitted: boolean): void {
    const run = runSome(permitted)
      .catch((error: unknown) => {
        fault ??= { error };
      })
      .finally(() => {
        runs.delete(run);
        if (!permitted) isQueued = false;
        ended.resolve();
        ended = Promise.withResolvers();
      });
    runs.add(run);
  }

  while (recorder.halted === null && group.open > 0 && !fault) {
    const hasRoom = runs.size < group.entry.concurrency;
    const { limit } = group.slot;
    if (hasRoom && gate.isOpen(performance.now())) {
      await recorder.lookForMarks(performance.now());
      if (recorder.halted !== null) break;
    }
    if (hasRoom && limit.activeCount < limit.concurrency && limit.pendingCount === 0 && gate.start()) {
      begin(true);
      if (mustTurn(performance.now())) await nextTurn();
      continue;
    }
    const isOpen = gate.isOpen(performance.now());
    if (hasRoom && isOpen && !isQueued) {
      isQueued = true;
      begin(false);
      continue;
    }
    const waiting = isOpen ? null : gate.wait(() => group.open);
    group.isThrottled = waiting !== null;
    const end = await Promise.race([
      ...(waiting ? [waiting.ended] : []),
      ...[ended.promise, recorder.halting, group.empty],
    ]);
    waiting?.cancel();
    group.isThrottled = false;
    if (end !== 'hold' || recorder.halted !== null) continue;
    if (hold) hold(group);
    else await Promise.race([delay(LOOK_AGAIN_MS), recorder.halting]);
  }
  await Promise.all(runs);
  if (fault) throw fault.error;
}
