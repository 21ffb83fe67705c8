import { STATUS_CODES } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { BatchwrightError, catalogue, type ErrorBody } from '../domain/errors.ts';
import type { Log } from '../plugin/context.ts';
import { NonRetryableError, RetryLaterError } from '../plugin/errors.ts';
import { isDatabaseUnavailable } from '../postgres/errors.ts';

/** After an early answer the rest of a body is read and thrown away for this long, then the socket is closed. */
const DISCARD_MS = 5_000;

/** The one place where errors become answers: the contract's shape, and RFC 9457 below /v1. */
export function errorHandler(log: Log) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const told = asTold(error, request);
    if (told.body.errorCode >= 500 && told.kind !== 'stillRunning')
      log.error({ err: error }, 'request failed');
    if (response.headersSent) {
      // Too late for an error: cut off, so that nobody takes half an answer for a whole one.
      response.destroy();
      return;
    }
    if (told.retryAfter !== undefined) response.set('retry-after', String(told.retryAfter));
    // A plugin may have named a way of its own.
    if (told.body.errorCode === 401 && !response.get('www-authenticate'))
      response.set('www-authenticate', 'Bearer');
    const isRest = request.path.startsWith('/v1/');
    response.status(told.body.errorCode).type(isRest ? 'application/problem+json' : 'application/json');
    send(request, response, JSON.stringify(isRest ? problem(told) : { ...told.body, ...told.extra }));
  };
}

type Told = Pick<BatchwrightError, 'body' | 'extra' | 'retryAfter'> & { kind?: BatchwrightError['kind'] };

/** What was not thrown for the caller is told without its message. */
function asTold(error: unknown, request: Request): Told {
  if (error instanceof BatchwrightError) return error;
  // A plugin's route has called an action that failed, or refuses by itself.
  if (error instanceof NonRetryableError || error instanceof RetryLaterError)
    return { body: bodyOf(error), extra: undefined, retryAfter: undefined };
  if (isDatabaseUnavailable(error))
    // A key that cannot be looked up keeps a batch from being saved as much as anything else does.
    return new BatchwrightError(request.query.action === 'run' ? 'notSaved' : 'unavailable', {
      retryAfter: 5,
      cause: error,
    });
  const { status } = error as { status?: unknown };
  // What express itself refuses, such as a path with a broken escape.
  if (status === 400) return new BatchwrightError('badRequest', { cause: error });
  return new BatchwrightError('internal', { cause: error });
}

function bodyOf({ message, options }: NonRetryableError | RetryLaterError): ErrorBody {
  const { errorCode, specificCode, additionalMessages } = options;
  const isStatus = errorCode !== undefined && errorCode >= 400 && errorCode <= 599;
  return {
    errorCode: isStatus ? errorCode : catalogue.failedRequest.errorCode,
    message,
    ...(specificCode === undefined ? {} : { specificCode }),
    ...(additionalMessages ? { additionalMessages } : {}),
  };
}

/**
 * RFC 9457. An error with a specific code of ours has a type of its own; the others say no more than their status
 * does, which is what `about:blank` means. An action's own codes are not ours to name.
 */
function problem({ body, extra, kind }: Told): object {
  const hasType = kind !== undefined && body.specificCode !== undefined;
  return {
    type: hasType ? `urn:batchwright:error:${body.specificCode}` : 'about:blank',
    title: STATUS_CODES[body.errorCode] ?? 'Error',
    status: body.errorCode,
    detail: body.message,
    ...(body.specificCode === undefined ? {} : { specificCode: body.specificCode }),
    ...(body.additionalMessages ? { errors: body.additionalMessages } : {}),
    ...extra,
  };
}

/**
 * A client that still sends must get to read the answer: closing the socket on what it sends would be a reset,
 * which takes the answer along. So the answer ends only when the rest of the body has been thrown away.
 */
function send(request: Request, response: Response, text: string): void {
  if (request.complete || request.destroyed) {
    response.send(text);
    return;
  }
  response.set({ connection: 'close', 'content-length': String(Buffer.byteLength(text)) });
  response.write(text);
  const end = () => response.end();
  const timer = setTimeout(end, DISCARD_MS);
  request.once('close', () => {
    clearTimeout(timer);
    end();
  });
  request.resume();
}
