/** Keeps the file that Postgres appends to from filling the disk, however much it logs. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../domain/log.ts';

const MAX_BYTES = 10 * 1024 * 1024;
/** A flood of errors writes some tens of megabytes in this time. */
const TICK_MS = 500;

/**
 * Empties the file once it is larger than `maxBytes`; its end, of that size, is moved to `<file>.1`. The server keeps
 * the file open and appends: it goes on at the beginning. What it writes meanwhile may be lost.
 */
export async function boundLog(file: string, maxBytes = MAX_BYTES): Promise<void> {
  const { size } = await stat(file).catch(orMissing);
  if (size <= maxBytes) return;
  try {
    const end = createReadStream(file, { start: size - maxBytes, end: size - 1 });
    await pipeline(end, createWriteStream(`${file}.1`, { mode: 0o600 }));
  } finally {
    // Also when the copy fails because the disk is full.
    await truncate(file);
  }
}

/** The first server makes the file. */
function orMissing(error: NodeJS.ErrnoException): { size: number } {
  if (error.code === 'ENOENT') return { size: 0 };
  throw error;
}

/** Does so twice a second until it is stopped. */
export function startBoundedLog(
  { file, log }: { file: string; log: Log },
  { maxBytes = MAX_BYTES, tickMs = TICK_MS } = {},
): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    running = boundLog(file, maxBytes)
      .catch((error: unknown) =>
        log.warn({ err: error, file }, 'the log of the database could not be shortened'),
      )
      .finally(() => {
        isBusy = false;
      });
  }, tickMs).unref();
  return {
    stop() {
      clearInterval(timer);
      return running;
    },
  };
}
