import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';

/** How often pg-boss looks for messages whose holder is dead, over all processes together. */
export const SUPERVISION_SECONDS = 5;

export interface Supervision {
  /** Resolves when no round is running. */
  stop(): Promise<void>;
}

/**
 * Lets pg-boss supervise its queues, but skips the first round after the database was away: no worker could
 * renew its heartbeats meanwhile, so all of them would count as dead.
 *
 * @param reachable whether the database answers
 */
export function startSupervision(
  boss: PgBoss,
  reachable: () => Promise<boolean>,
  onError: (error: unknown) => void,
): Supervision {
  const stopping = new AbortController();
  const { signal } = stopping;

  /** False when the database is away. */
  async function supervise(): Promise<boolean> {
    try {
      await boss.supervise();
      return true;
    } catch (error) {
      onError(error);
      return false;
    }
  }

  async function run(): Promise<void> {
    let wasAway = false;
    while (!signal.aborted) {
      // Heartbeats last longer than an outage between two rounds.
      await delay(SUPERVISION_SECONDS * 1000, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const answers = await reachable();
      wasAway = !answers || (!wasAway && !(await supervise()));
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
