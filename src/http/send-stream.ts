import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/**
 * Sends pieces as they come, at the client's pace. The first piece is awaited before the answer begins, so
 * that what fails at once is told as an error; what fails later cuts the answer off. HEAD gets no piece.
 */
export async function sendStream(response: Response, pieces: AsyncGenerator<Buffer | string>): Promise<void> {
  const first = await pieces.next();
  async function* all(): AsyncGenerator<Buffer | string> {
    if (!first.done) yield first.value;
    yield* pieces;
  }
  try {
    // Who is gone already takes no piece either.
    if (response.req.method === 'HEAD' || response.destroyed) response.end();
    else await pipeline(Readable.from(all(), { objectMode: true, highWaterMark: 1 }), response);
  } catch (error) {
    // The client went away: nobody is left to be told.
    if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  } finally {
    await pieces.return(undefined);
  }
}
