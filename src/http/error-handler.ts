import type { NextFunction, Request, Response } from 'express';
import { errorPagePath } from '../contract/error-pages.ts';
import { BatchwrightError, catalogue, type ErrorBody, isErrorStatus } from '../contract/errors.ts';
import type { Log } from '../plugin/context.ts';
import { type ActionError, isActionError, NonRetryableError } from '../plugin/errors.ts';
import { isTemporary } from '../postgres/errors.ts';
import { pluginErrorText } from './plugin-routes/error-bodies.ts';
import { addToRequestLog } from './request-log.ts';
import { errorText, type PublicError, sendText } from './server/send-error.ts';

/** The one place where errors become answers: the contract's shape, and RFC 9457 below /v1. */
export function errorHandler(log: Log) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const answer = publicError(error, request);
    const isOurs = answer.body.errorCode >= 500 && answer.kind !== 'stillRunning';
    if (isOurs && !addToRequestLog(response, error)) log.error({ err: error }, 'request failed');
    if (response.headersSent) {
      // Too late for an error answer: cut the connection, so that a partial answer does not look complete.
      response.destroy();
      return;
    }
    if (answer.retryAfter !== undefined) response.set('retry-after', String(answer.retryAfter));
    // A plugin may have set a scheme of its own.
    if (answer.body.errorCode === 401 && !response.get('www-authenticate'))
      response.set('www-authenticate', 'Bearer');
    response.links({ help: errorPagePath(answer.kind) });
    const { type, text } = textOf(answer, request);
    response.status(answer.body.errorCode).set('content-type', `${type}; charset=utf-8`);
    sendText(request, response, text);
  };
}

/** In the plugin's form below its prefix, otherwise in ours. */
function textOf(answer: PublicError, request: Request): { type: string; text: string } {
  const text = pluginErrorText(answer, request);
  return text === undefined ? errorText(answer, request.path) : { type: 'application/json', text };
}

/** An error that was not meant for the caller is answered without its message. */
export function publicError(error: unknown, request?: Request): PublicError {
  if (error instanceof BatchwrightError) return error;
  // A plugin's route has called an action that failed, or refuses the request itself.
  if (isActionError(error))
    return {
      kind: 'jobFailed',
      body: bodyOf(error),
      extra: undefined,
      retryAfter: retryAfterOf(error),
    };
  if (isTemporary(error))
    // If the key cannot be looked up, the batch cannot be stored either.
    return new BatchwrightError(request?.query.action === 'run' ? 'notSaved' : 'unavailable', {
      retryAfter: 5,
      cause: error,
    });
  const { status } = error as { status?: unknown };
  // Express itself refuses some requests, such as a path with a broken escape.
  if (status === 400)
    return new BatchwrightError('badRequest', {
      message: 'The path is not percent-encoded UTF-8',
      cause: error,
    });
  return new BatchwrightError('internal', { cause: error });
}

function retryAfterOf(error: ActionError): number | undefined {
  return !(error instanceof NonRetryableError) && error.delaySeconds > 0
    ? Math.ceil(error.delaySeconds)
    : undefined;
}

function bodyOf(error: ActionError): ErrorBody {
  const { errorCode, specificCode, additionalMessages, details } = error.options;
  const usual = error instanceof NonRetryableError ? catalogue.jobFailed : catalogue.tooManyRequests;
  return {
    errorCode: isErrorStatus(errorCode) ? errorCode : usual.errorCode,
    message: error.message,
    ...(specificCode === undefined ? {} : { specificCode }),
    ...(additionalMessages ? { additionalMessages } : {}),
    ...(details === undefined ? {} : { details }),
  };
}
