import { IncomingMessage, type ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { type Options, pinoHttp } from 'pino-http';
import type { Log } from '../plugin/context.ts';

/** Where the routers stand that requests have come to. */
const mounts = new WeakMap<IncomingMessage, string>();

/** For in front of a router at this path: the log names its routes by it. */
export function mountedAt(path: string): RequestHandler {
  return (request, _response, next) => {
    mounts.set(request, path);
    next();
  };
}

/**
 * A line a request, without headers, bodies and query values, and with the pattern of its route in place of its
 * path: keys, tokens and ids of strangers stay out of the log. What went wrong is the error handler's to log: where
 * there is no error pino-http would make one up from the status.
 */
export function requestLog(log: Log): RequestHandler {
  const note = pinoHttp({
    logger: log as unknown as NonNullable<Options['logger']>,
    customLogLevel: (_request: IncomingMessage, response: ServerResponse, error?: Error) =>
      error || response.statusCode >= 500 ? 'warn' : response.statusCode >= 400 ? 'info' : 'debug',
    // The request is described when it has been answered: only then its route is known.
    quietResLogger: true,
    customSuccessObject: (request, _response, fields) => ({ req: described(request), ...fields }),
    customErrorObject: (request, { statusCode }, _error, { err, ...fields }) => ({
      req: described(request),
      ...(statusCode >= 500 ? fields : { err, ...fields }),
    }),
    wrapSerializers: false,
    serializers: {
      // pino-http describes a request when it comes, too.
      req: (request: unknown) => (request instanceof IncomingMessage ? undefined : request),
      res: ({ statusCode }: ServerResponse) => ({ status: statusCode }),
    },
  });
  return (request, response, next) => {
    // Kept: Node takes the socket from a request whose body was not read to its end with `for await`.
    Object.defineProperty(request, 'ip', { value: request.ip });
    note(request, response, next);
  };
}

function described(request: IncomingMessage): object {
  return { method: request.method, path: routeOf(request as Request), ip: (request as Request).ip };
}

/** The pattern of the route that a request came to; a path that no route has may hold anything and is not told. */
function routeOf(request: Request): string {
  const mount = mounts.get(request) ?? '';
  const patterns: unknown[] = [request.route?.path ?? []].flat();
  if (patterns.length === 0) return mount || '(no route)';
  return `${mount}${patterns.find((pattern) => pattern === request.path) ?? patterns[0]}`;
}
