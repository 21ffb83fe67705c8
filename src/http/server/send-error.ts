/**
 * Errors as bytes: the contract's form, and RFC 9457 below /v1. It is also used for errors before the
 * application.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { errorPagePath } from '../../contract/error-pages.ts';
import { type BatchwrightError, catalogue } from '../../contract/errors.ts';
import { isHeldBack } from './expect-continue.ts';

/** The parts of an error that a caller sees. */
export type PublicError = Pick<BatchwrightError, 'kind' | 'body' | 'extra' | 'retryAfter'>;

/**
 * After an early answer, the rest of a body is read and discarded for this long; then the socket is closed.
 */
const DISCARD_MS = 5_000;

/** Express compares paths without regard to case, so this does too. */
const REST = /^\/v1([/?]|$)/i;

/** Content type and text of the error at this path; undefined for an unknown path. */
export function errorText(shown: PublicError, path: string | undefined): { type: string; text: string } {
  return REST.test(path ?? '')
    ? { type: 'application/problem+json', text: JSON.stringify(problem(shown)) }
    : { type: 'application/json', text: JSON.stringify({ ...shown.body, ...shown.extra }) };
}

/** RFC 9457. The type is a page that says what the error means and what to do. */
function problem({ body, extra, kind }: PublicError): object {
  return {
    type: errorPagePath(kind),
    title: STATUS_CODES[body.errorCode] ?? 'Error',
    status: body.errorCode,
    detail: body.message,
    ...(body.specificCode === undefined ? {} : { specificCode: body.specificCode }),
    ...(body.additionalMessages ? { errors: body.additionalMessages } : {}),
    ...extra,
  };
}

/** Refuses a request before the application; the connection ends with the answer. */
export function refuse(request: IncomingMessage, response: ServerResponse, error: BatchwrightError): void {
  const { type, text } = errorText(error, request.url);
  response.statusCode = error.body.errorCode;
  response.setHeader('content-type', `${type}; charset=utf-8`);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('connection', 'close');
  if (error.retryAfter !== undefined) response.setHeader('retry-after', error.retryAfter);
  sendText(request, response, text);
}

/** A complete answer, head and body, for a connection on which no request could be read. */
export function rawAnswer(error: BatchwrightError, path: string | undefined): string {
  const { errorCode } = error.body;
  const { type, text } = errorText(error, path);
  return [
    `HTTP/1.1 ${errorCode} ${STATUS_CODES[errorCode]}`,
    `Date: ${new Date().toUTCString()}`,
    `Content-Type: ${type}; charset=utf-8`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    text,
  ].join('\r\n');
}

/**
 * Sends the text of the answer and ends it. A client that is still sending must be able to read the answer:
 * closing the socket while data arrives would cause a TCP reset, which destroys the answer. So the answer
 * ends only when the rest of the body was discarded. A client that waits for 100 Continue, or is answered
 * because it sends too slowly, sends nothing to discard.
 */
export function sendText(request: IncomingMessage, response: ServerResponse, text: string): void {
  response.setHeader('content-length', Buffer.byteLength(text));
  const isWhole = request.complete || request.destroyed;
  if (!isWhole) response.setHeader('connection', 'close');
  const isSilent = isHeldBack(request) || response.statusCode === catalogue.requestTimeout.errorCode;
  if (isWhole || isSilent) {
    response.end(text);
    return;
  }
  response.write(text);
  const end = () => response.end();
  const timer = setTimeout(end, DISCARD_MS);
  request.once('close', () => {
    clearTimeout(timer);
    end();
  });
  request.resume();
}
