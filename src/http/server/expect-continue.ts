/** `Expect: 100-continue`: a client that asks before it sends its body. RFC 9110, 10.1.1. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Requests whose clients still wait for 100 Continue. */
const heldBack = new WeakSet<IncomingMessage>();

/** True while the client waits to learn whether its body is wanted. */
export function isHeldBack(request: IncomingMessage): boolean {
  return heldBack.has(request);
}

/**
 * Sends 100 Continue when any code first reads the body. When the request is answered without reading it, the
 * connection ends with the answer: the client may send its body anyway, and then the start of its next
 * request could not be found.
 */
export function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  const { shouldKeepAlive } = response;
  response.shouldKeepAlive = false;
  heldBack.add(request);
  const read = request._read;
  request._read = (size) => {
    if (heldBack.delete(request) && !response.headersSent) {
      response.shouldKeepAlive = shouldKeepAlive;
      response.writeContinue();
    }
    read.call(request, size);
  };
}
