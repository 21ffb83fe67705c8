/** Answers input that is not valid HTTP, or breaks off: in its turn, in the usual form of errors. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { BatchwrightError, type ErrorName } from '../../contract/errors.ts';
import type { Connections, Exchange } from './connections.ts';
import { rawAnswer } from './send-error.ts';

/** Further input of the client is discarded for this long, because a TCP reset would destroy the answer. */
const DISCARD_MS = 2_000;

/** Node's error codes that have a status of their own. */
const NAMES: Record<string, ErrorName> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'bodyTooLarge',
  HPE_PAUSED_H2_UPGRADE: 'versionNotSupported',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};
const MESSAGES: Partial<Record<ErrorName, string>> = {
  bodyTooLarge: 'The chunk extensions of the request body are too large',
  requestTimeout: 'The request headers did not arrive in time',
};

interface ParseError extends Error {
  code?: string;
  /** The parser's message. */
  reason?: string;
  rawPacket?: Buffer;
}

/**
 * Answers each such error after all earlier requests on its connection, then ends the connection. An answer
 * that has begun is cut off instead, because its request will not be read to its end.
 */
export function answerProtocolErrors(server: Server, connections: Connections): void {
  const failed = new WeakSet<Socket>();
  server.on('clientError', (error: ParseError, socket: Socket) => {
    // Input after the error is not read.
    if (failed.has(socket)) return;
    failed.add(socket);
    // The client is gone, or has sent nothing.
    if (!isOfParser(error) || socket.bytesRead === 0) socket.destroy();
    else void answer(connections, socket, error);
  });
  server.on('connect', (request, socket: Socket) => {
    const refusal = new BatchwrightError('methodNotAllowed', { message: 'CONNECT is not supported' });
    socket.on('error', () => {});
    void connections.answered(socket).then(() => end(socket, rawAnswer(refusal, request.url)));
  });
}

async function answer(connections: Connections, socket: Socket, error: ParseError): Promise<void> {
  // All other requests have been read completely.
  const broken = connections.on(socket).find(({ request }) => !request.complete);
  await connections.answered(socket, broken);
  if (broken?.response.headersSent) socket.destroySoon();
  else end(socket, rawAnswer(refusalOf(error), pathOf(connections, socket, error, broken)));
}

function end(socket: Socket, text: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(text);
  const timer = setTimeout(() => socket.destroy(), DISCARD_MS);
  socket.once('close', () => clearTimeout(timer));
}

function isOfParser({ code = '' }: ParseError): boolean {
  return code.startsWith('HPE_') || code in NAMES;
}

function refusalOf({ code = '', reason = '' }: ParseError): BatchwrightError {
  const name = reason === 'Invalid HTTP version' ? 'versionNotSupported' : (NAMES[code] ?? 'badRequest');
  const message = name === 'badRequest' ? `The request is not valid HTTP: ${reason}` : MESSAGES[name];
  return new BatchwrightError(name, message === undefined ? {} : { message });
}

/** The path of the failed request, if it is known; for a later request on the connection it is not. */
function pathOf(
  connections: Connections,
  socket: Socket,
  { rawPacket }: ParseError,
  broken: Exchange | undefined,
): string | undefined {
  if (broken) return broken.path;
  if (connections.hasServed(socket)) return undefined;
  return rawPacket?.toString('latin1', 0, 2048).split(' ', 2)[1];
}
