/** Sends an answer that is made in pieces. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/**
 * Sends the pieces as fast as the client reads them. Throws the error of the first piece, before anything is sent; cuts
 * the connection after a later error, so that a part does not look like the whole.
 */
export async function sendPieces(
  response: Response,
  type: string,
  pieces: AsyncGenerator<string>,
): Promise<void> {
  const first = await pieces.next();
  response.status(200).set('Content-Type', type);
  if (response.req.method === 'HEAD') {
    await pieces.return(undefined);
    response.end();
    return;
  }
  async function* all() {
    if (!first.done) yield first.value;
    yield* pieces;
  }
  try {
    await pipeline(Readable.from(all(), { highWaterMark: 1 }), response);
  } catch (error) {
    // The client has gone.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
