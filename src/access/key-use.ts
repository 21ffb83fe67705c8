/** Writes when keys were last used: later than the requests, and at most once a minute a key. */
import type { Pool } from 'pg';
import type { Log } from '../plugin/context.ts';
import { transaction } from '../postgres/transaction.ts';
import { recordKeyUse } from '../store/keys.ts';
import { isStoredKeyId } from './stored-keys.ts';

/** How often uses are written that are due. */
const TICK_MS = 2000;
/** Another use of a key is written after this time at the earliest, over all processes. */
const PAUSE_MS = 60_000;

export interface KeyUse {
  /** Notes that a request with the key was accepted. Ignores ids that are not of a stored key. */
  note(keyId: string): void;
  /** Writes what is left. */
  stop(): Promise<void>;
}

/** @param tickMs how often uses are written; 2 s when absent */
export function startKeyUse({ pool, log }: { pool: Pool; log: Log }, tickMs = TICK_MS): KeyUse {
  /** By key: when it was used, by `performance.now()`, and was not written yet. */
  const used = new Map<string, number>();
  /** By key: when its use was written in the last minute. */
  const written = new Map<string, number>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const now = performance.now();
    for (const [keyId, at] of written) if (now - at >= PAUSE_MS) written.delete(keyId);
    const due = [...used].filter(([keyId]) => !written.has(keyId));
    if (due.length === 0) return;
    for (const [keyId] of due) {
      used.delete(keyId);
      written.set(keyId, now);
    }
    const uses = due.map(([id, at]) => ({ id, secondsAgo: (now - at) / 1000 }));
    const limits = { lockSeconds: 1, isDurable: false };
    await transaction(pool, (client) => recordKeyUse(client, uses, PAUSE_MS / 1000), limits);
  }

  const writeNext = () => {
    // A lost use does no harm: the next one is written.
    writing = writing
      .then(write)
      .catch((error: unknown) => log.debug({ err: error }, 'the use of keys was not recorded'));
    return writing;
  };
  const timer = setInterval(() => void writeNext(), tickMs).unref();
  return {
    note(keyId) {
      if (isStoredKeyId(keyId)) used.set(keyId, performance.now());
    },
    stop() {
      clearInterval(timer);
      return writeNext();
    },
  };
}
