/**
 * Jobs that answer at once would block the event loop, which heartbeats and settles need. The state belongs
 * to the process, like the event loop.
 */

/** The event loop is blocked for at most this long. */
const MAX_HELD_MS = 20;

/** Since when the event loop has not turned, as far as known; null when it has turned. */
let heldSince: number | null = null;

/** True when the caller must wait for the next turn before it runs another job. */
export function mustTurn(now: number): boolean {
  if (heldSince === null) {
    heldSince = now;
    setImmediate(() => {
      if (heldSince === now) heldSince = null;
    });
  }
  return now - heldSince >= MAX_HELD_MS;
}

/** Runners that wait for the event loop to turn. */
const waiting: (() => void)[] = [];

/**
 * Resolves in the order of calls, one per turn: the first runner would use the time of each turn for itself.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(passTurn);
  });
}

function passTurn(): void {
  heldSince = null;
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(passTurn);
}
