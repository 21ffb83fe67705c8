import { once } from 'node:events';
import type { Response } from 'express';

/** Each write is a piece of the response by itself. */
const PIECE_LENGTH = 16 * 1024;

/**
 * Sends the text at the client's pace. It stops when the client is gone. When the text fails before anything was sent,
 * the error is thrown; otherwise the connection is cut, and the error is thrown too.
 */
export async function send(response: Response, pieces: AsyncIterable<string>): Promise<void> {
  if (response.req.method === 'HEAD') return void response.end();
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    let text = '';
    for await (const piece of pieces) {
      if (response.destroyed) return;
      text += piece;
      if (text.length < PIECE_LENGTH) continue;
      // Rejects when the client is gone; the loop then ends.
      if (!response.write(text)) await once(response, 'drain', gone).catch(() => {});
      text = '';
    }
    response.end(text);
  } catch (error) {
    if (response.headersSent) response.destroy();
    throw error;
  }
}
