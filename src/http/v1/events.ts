/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Request, Response } from 'express';
import { toBatchId } from '../../domain/batch.ts';
import type { BatchView } from '../../pipeline/batch-view.ts';
import { type BatchEvent, type BatchWatch, eventOf } from '../../pipeline/watch.ts';

/** Keeps proxies from closing a connection on which nothing happens. */
const HEARTBEAT_MS = 15_000;
/** The same once the client has ended its side: one that is gone altogether shows it when something is sent. */
const PROBE_MS = 1_000;
/** A client that does not read is let go when so much waits for it. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/**
 * Sends the batch whenever it changes and ends with `finished`. Every event holds the whole state, and its id
 * stands for it: a client that comes back with Last-Event-ID is told nothing until that state has changed.
 */
export function sendEvents(watch: BatchWatch, batch: BatchView, request: Request, response: Response): void {
  const seen = request.get('last-event-id');
  const now = eventOf(batch);
  // An EventSource comes back after every end, unless this tells it that nothing more will come.
  if (now.name === 'finished' && now.id === seen) {
    response.status(204).end();
    return;
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'x-accel-buffering': 'no',
  });
  // Who is gone already will not be gone once more.
  if (request.method === 'HEAD' || response.destroyed) response.end();
  else follow(watch, toBatchId(batch.asyncId), seen, response);
}

function follow(watch: BatchWatch, batchId: string, seen: string | undefined, response: Response): void {
  const { socket } = response.req;
  const send = (text: string) => {
    if (response.writableEnded) return;
    response.write(text);
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
  };
  response.flushHeaders();
  const beat = () => send(':\n\n');
  let heartbeat = setInterval(beat, HEARTBEAT_MS);
  const probe = () => {
    clearInterval(heartbeat);
    heartbeat = setInterval(beat, PROBE_MS);
  };
  socket.once('end', probe);
  const listener = ({ name, id, data }: BatchEvent) => {
    // Without a last event the client comes back, to the next process.
    if (name !== 'closing') send(`id: ${id}\nevent: ${name}\ndata: ${data}\n\n`);
    if (name === 'progress') return;
    clearInterval(heartbeat);
    response.end();
  };
  const unsubscribe = watch.subscribe(batchId, listener, seen);
  response.once('close', () => {
    clearInterval(heartbeat);
    socket.off('end', probe);
    unsubscribe();
  });
}
