/** `Expect: 100-continue`: a client that asks before it sends its body. RFC 9110, 10.1.1. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Requests whose clients have not been told to go on. */
const heldBack = new WeakSet<IncomingMessage>();

/** True while the client waits to be told whether its body is wanted. */
export function isHeldBack(request: IncomingMessage): boolean {
  return heldBack.has(request);
}

/**
 * Tells the client to go on when somebody first reads the body, whoever that is. Who answers without reading it has
 * said all there is: the connection ends with the answer, for a client may send its body after all, and nobody could
 * tell where its next request begins.
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
