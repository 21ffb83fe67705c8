/** Sends an answer that is made in pieces. */
import { once } from 'node:events';
import type { Response } from 'express';

/**
 * Sends the pieces as fast as the client reads them, until it has gone. Throws the error of the first piece before
 * anything is sent. After a later error the connection is cut, so that a part does not look like the whole.
 */
export async function sendPieces(
  response: Response,
  type: string,
  pieces: AsyncGenerator<string>,
): Promise<void> {
  let piece = await pieces.next();
  response.status(200).set('Content-Type', type);
  while (!piece.done && !response.closed && response.req.method !== 'HEAD') {
    if (!response.write(piece.value)) await readOn(response);
    piece = await pieces.next();
  }
  await pieces.return(undefined);
  response.end();
}

/** Waits until the client has read what was sent, or has gone. */
async function readOn(response: Response): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    waiting.abort(),
  );
}
