import type { Response } from 'express';
import type { ResultStream } from '../pipeline/read/result-stream.ts';
import type { TenantTurns } from '../pipeline/submit/tenant-turns.ts';

type Results = Pick<ResultStream, 'next' | 'drop' | 'close'>;

/** Bytes written at once: they stay in our memory when a client does not read. */
const SLICE_BYTES = 64 * 1024;
/** A turn ends when others have waited this long without one. */
const TURN_MS = 1_000;
/** A client that reads nothing for this long loses its turn, or sooner when others wait. */
const STILL_MS = 1_000;
const STILL_MS_IN_A_QUEUE = 100;

/**
 * Sends the results at the client's pace. Only answers that have a turn hold results in memory: a client that
 * pauses loses its turn, and results that it has not read are read again. The first piece is awaited before
 * the answer begins, so that an early failure is answered as an error. A later failure cuts the connection.
 */
export async function sendResults(
  response: Response,
  results: Results,
  { turns, tenant }: { turns: TenantTurns; tenant: string },
): Promise<void> {
  try {
    for (let isOver = false; !isOver; ) {
      isOver = await turns.take(tenant, () => sendForATurn(response, results, turns));
      if (!isOver) await drained(response);
    }
  } finally {
    results.close();
  }
}

/** True when everything was sent. */
async function sendForATurn(response: Response, results: Results, turns: TenantTurns): Promise<boolean> {
  const startedAt = performance.now();
  while (!response.destroyed) {
    if (turns.areWaitedFor && performance.now() - startedAt > TURN_MS) {
      results.drop();
      return false;
    }
    const piece = await results.next();
    if (piece === null || response.req.method === 'HEAD') {
      response.end();
      return true;
    }
    for (let at = 0; at < piece.length && !response.destroyed; at += SLICE_BYTES) {
      // A copy: the slice would keep the whole page in memory.
      if (response.write(Buffer.from(piece.subarray(at, at + SLICE_BYTES)))) continue;
      if (await drained(response, turns.areWaitedFor ? STILL_MS_IN_A_QUEUE : STILL_MS)) continue;
      results.drop(at + SLICE_BYTES);
      return false;
    }
  }
  return true;
}

/**
 * Resolves to true when there is room again or the client is gone; to false after the timeout, if one is
 * given.
 */
function drained(response: Response, timeoutMs?: number): Promise<boolean> {
  if (response.destroyed || !response.writableNeedDrain) return Promise.resolve(true);
  return new Promise((resolve) => {
    const end = (value: boolean) => {
      clearTimeout(timer);
      response.off('drain', onRoom);
      response.off('close', onRoom);
      resolve(value);
    };
    const onRoom = () => end(true);
    const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs, false);
    response.once('drain', onRoom);
    response.once('close', onRoom);
  });
}
