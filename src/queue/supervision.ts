import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';

/** How often pg-boss looks for messages whose holder is dead: in all processes together, for it lets one of them. */
export const SUPERVISION_SECONDS = 5;

export interface Supervision {
  /** Resolves when no round is under way. */
  stop(): Promise<void>;
}

/**
 * Has pg-boss supervise its queues, but for the first time after the database was away: no worker could renew its
 * heartbeats meanwhile, and all of them would be taken for dead before they can.
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
      // Heartbeats outlast an outage that falls between two rounds.
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
