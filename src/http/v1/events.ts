/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Request, Response } from 'express';
import { toBatchId } from '../../domain/batch.ts';
import type { BatchView } from '../../pipeline/read/batch-view.ts';
import { type BatchEvent, type BatchWatch, eventOf } from '../../pipeline/read/batch-watch.ts';

/** Keeps proxies from closing an idle connection. */
const HEARTBEAT_MS = 15_000;
/**
 * The interval after the client has ended its side: a client that is gone is noticed when something is sent.
 */
const PROBE_MS = 1_000;

/**
 * Sends the batch whenever it changes and ends with `finished`. Every event contains the whole state, and its
 * id identifies that state: a client that reconnects with Last-Event-ID gets nothing until the state changes.
 */
export function sendEvents(watch: BatchWatch, batch: BatchView, request: Request, response: Response): void {
  const seen = request.get('last-event-id');
  const now = eventOf(batch);
  // An EventSource reconnects after every end, unless this answer says that nothing more will come.
  if (now.name === 'finished' && now.id === seen) {
    response.status(204).end();
    return;
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'x-accel-buffering': 'no',
  });
  // If the client has already disconnected, `close` will not fire again.
  if (request.method === 'HEAD' || response.destroyed) response.end();
  else follow(watch, toBatchId(batch.asyncId), seen, response);
}

function follow(watch: BatchWatch, batchId: string, seen: string | undefined, response: Response): void {
  const { socket } = response.req;
  /** Each event contains the whole state: for a client that does not read, only the latest one is kept. */
  let later: string | undefined;
  const send = (text: string) => {
    if (response.writableNeedDrain) later = text;
    else if (!response.writableEnded) response.write(text);
  };
  response.on('drain', () => {
    const text = later;
    later = undefined;
    if (text !== undefined) send(text);
  });
  response.flushHeaders();
  const beat = () => {
    if (!response.writableNeedDrain) send(':\n\n');
  };
  let heartbeat = setInterval(beat, HEARTBEAT_MS);
  const probe = () => {
    clearInterval(heartbeat);
    heartbeat = setInterval(beat, PROBE_MS);
  };
  socket.once('end', probe);
  const listener = ({ name, id, data }: BatchEvent) => {
    const text = `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`;
    if (name === 'progress') {
      send(text);
      return;
    }
    clearInterval(heartbeat);
    // Without a last event the client reconnects, to the next process.
    if (name === 'closing') response.end();
    else response.end(text);
  };
  const unsubscribe = watch.subscribe(batchId, listener, seen);
  response.once('close', () => {
    clearInterval(heartbeat);
    socket.off('end', probe);
    unsubscribe();
  });
}
