/** Error answers in the form of the API that a plugin's routes speak. */
import type { Request, RequestHandler } from 'express';
import type { RouteError, Routes } from '../../plugin/routes.ts';
import type { PublicError } from '../server/send-error.ts';

const makers = new WeakMap<Request, NonNullable<Routes['errorBody']>>();

/** From here on, errors of the request are answered with what `errorBody` returns. */
export function useErrorBody(errorBody: Routes['errorBody']): RequestHandler {
  return (request, _response, next) => {
    if (errorBody) makers.set(request, errorBody);
    next();
  };
}

/** The JSON text of the error in the plugin's form; undefined for a request without such a form. */
export function pluginErrorText(
  { body, extra, retryAfter }: PublicError,
  request: Request,
): string | undefined {
  const { errorCode: status, message, specificCode, additionalMessages } = body;
  const { details } = body as { details?: unknown };
  const error: RouteError = {
    status,
    message,
    specificCode,
    additionalMessages: additionalMessages && [...additionalMessages],
    details: details ?? extra,
    retryAfterSeconds: retryAfter,
  };
  const made = makers.get(request)?.(error, request);
  return made === undefined ? undefined : JSON.stringify(made);
}
