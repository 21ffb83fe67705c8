/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Response } from 'express';
import type { BatchEvent, BatchWatch } from '../../pipeline/watch.ts';

/** Keeps proxies from closing a connection on which nothing happens. */
const HEARTBEAT_MS = 15_000;
/** A client that does not read is let go when so much waits for it. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/**
 * Sends the batch whenever it changes and ends with `finished`. Every event holds the whole state, so that
 * a client that comes back with Last-Event-ID is up to date with the first one it gets.
 */
export function sendEvents(watch: BatchWatch, batchId: string, response: Response): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  let id = 0;
  const send = (text: string) => {
    response.write(text);
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
  };
  const heartbeat = setInterval(() => send(':\n\n'), HEARTBEAT_MS);
  const unsubscribe = watch.subscribe(batchId, ({ name, batch }: BatchEvent) => {
    // Without a last event the client comes back, to the next process.
    if (name !== 'closing') send(`id: ${++id}\nevent: ${name}\ndata: ${JSON.stringify(batch)}\n\n`);
    if (name !== 'progress') response.end();
  });
  response.once('close', () => {
    clearInterval(heartbeat);
    unsubscribe();
  });
}
