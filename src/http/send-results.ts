import type { Response } from 'express';
import type { ResultStream } from '../pipeline/read/result-stream.ts';
import type { TenantTurns } from '../pipeline/submit/tenant-turns.ts';

type Results = Pick<ResultStream, 'next' | 'drop' | 'close'>;

/** Written at once: what a client that takes nothing leaves in our memory. */
const SLICE_BYTES = 64 * 1024;
/** A turn ends when others wait that have had none for so long. */
const TURN_MS = 1_000;
/** A client that takes nothing for so long gives its turn back, sooner when others wait for it. */
const STILL_MS = 1_000;
const STILL_MS_IN_A_QUEUE = 100;

/**
 * Sends the results at the client's pace. Only those who have a turn hold results in memory: a client that stands
 * still gives its turn back, and what it has not taken is read again. The first piece is awaited before the answer
 * begins, so that what fails at once is told as an error; what fails later cuts the answer off.
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

/** True when nothing more is to be sent. */
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
      // A copy: the slice would keep all of the page.
      if (response.write(Buffer.from(piece.subarray(at, at + SLICE_BYTES)))) continue;
      if (await drained(response, turns.areWaitedFor ? STILL_MS_IN_A_QUEUE : STILL_MS)) continue;
      results.drop(at + SLICE_BYTES);
      return false;
    }
  }
  return true;
}

/** Resolves to true when there is room again, or nobody to send to; to false after the time, where one is given. */
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
