/**
 * Jobs that answer at once would keep the event loop from turning, which heartbeats and settles need. The state is
 * the process's, as the event loop is.
 */

/** The event loop is held for this long at most. */
const MAX_HELD_MS = 20;

/** Since when the event loop has been seen not to turn; null when it has turned since. */
let heldSince: number | null = null;

/** True when whoever runs jobs must wait for the next turn. */
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

/** In the order of asking, one a turn: the first of them would take the time of each turn for itself. */
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
