/** Limits the bodies that plugins' routes read themselves, by any method. */
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { md5CheckOf } from '../auth/content-md5.ts';
import { heldBodyOf } from './body-memory.ts';
import { tooLarge } from './decode.ts';

/**
 * Refuses a body that is too long or does not fit into memory, as soon as this is known: before the route, or
 * as an error of the request, which its reader throws. Bytes read count as held until the answer has ended.
 */
export function limitBody(maxBytes: number): RequestHandler {
  return (request, _response, next) => {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    // The body of a signed request has been read already.
    if (!md5CheckOf(request)) countPushed(request, maxBytes);
    next();
  };
}

/** Counts where the parser delivers the body: a `data` listener would start reading it. Throws if it is too long. */
function countPushed(request: IncomingMessage, maxBytes: number): void {
  const push = request.push.bind(request);
  const held = heldBodyOf(request);
  if (held) held.isCountedOnArrival = true;
  // A small body may have arrived already, while the key was looked up.
  let bytes = request.readableLength;
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  let isRefused = false;
  request.push = (block: Buffer | null, encoding) => {
    if (block === null) return push(block);
    if (isRefused) return true; // discarded
    bytes += block.length;
    try {
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      held?.add(block.length);
    } catch (error) {
      isRefused = true;
      if (request.listenerCount('error') > 0) request.emit('error', error);
      else request.destroy();
      return true;
    }
    return push(block, encoding);
  };
}
