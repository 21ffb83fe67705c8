import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { type Options, pinoHttp } from 'pino-http';
import type { Log } from '../plugin/context.ts';

/**
 * A line a request, without headers, bodies and query values: keys and ids of strangers stay out of the log. What
 * went wrong is the error handler's to log: where there is no error pino-http would make one up from the status.
 */
export function requestLog(log: Log): RequestHandler {
  return pinoHttp({
    logger: log as unknown as NonNullable<Options['logger']>,
    customLogLevel: (_request: IncomingMessage, response: ServerResponse, error?: Error) =>
      error || response.statusCode >= 500 ? 'warn' : response.statusCode >= 400 ? 'info' : 'debug',
    customErrorObject: (_request, { statusCode }, _error, { err, ...fields }) =>
      statusCode >= 500 ? fields : { err, ...fields },
    serializers: {
      req: (request: { method: string; url: string }) => ({
        method: request.method,
        path: request.url.split('?')[0],
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
  });
}
