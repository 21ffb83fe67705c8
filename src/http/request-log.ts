import { IncomingMessage, type ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { type Options, pinoHttp } from 'pino-http';
import { isAsyncId } from '../domain/batch.ts';
import type { Log } from '../plugin/context.ts';

/** The mount path of the router that handles each request. */
const mounts = new WeakMap<IncomingMessage, string>();

/** Use it before a router at this path: the log names its routes with the path. */
export function mountedAt(path: string): RequestHandler {
  return (request, _response, next) => {
    mounts.set(request, path);
    next();
  };
}

/** Responses whose line is not yet written. */
const unlogged = new WeakSet<ServerResponse>();

/** Adds an error of ours to the line of the request. False when the line is already written, or there is none. */
export function addToRequestLog(response: ServerResponse, error: unknown): boolean {
  if (!unlogged.has(response)) return false;
  response.err = error instanceof Error ? error : new Error(String(error));
  return true;
}

/**
 * One line per request, without headers, bodies and query values, and with the route's pattern instead of its
 * path, so that keys, tokens and unknown ids stay out of the log. The line has the error that the error handler
 * adds; pino-http would otherwise invent one from the status.
 */
export function requestLog(log: Log): RequestHandler {
  const note = pinoHttp({
    logger: log as unknown as NonNullable<Options['logger']>,
    customLogLevel: levelOf,
    // The request is described after its answer, when its route is known.
    quietResLogger: true,
    customSuccessObject: (request, _response, fields) => ({ req: described(request), ...fields }),
    customErrorObject: (request, response, _error, { err, ...fields }) => ({
      req: described(request),
      ...(response.err || response.statusCode < 500 ? { err, ...fields } : fields),
    }),
    customErrorMessage: (_request, response) => (response.err ? 'request failed' : 'request errored'),
    wrapSerializers: false,
    serializers: {
      // pino-http also describes a request when it arrives.
      req: (request: unknown) => (request instanceof IncomingMessage ? undefined : request),
      res: ({ statusCode }: ServerResponse) => ({ status: statusCode }),
    },
  });
  return (request, response, next) => {
    // Stored, because Node detaches the socket from a request whose body was not read to its end with `for
    // await`.
    Object.defineProperty(request, 'ip', { value: request.ip });
    unlogged.add(response);
    for (const event of ['finish', 'close']) response.once(event, () => unlogged.delete(response));
    note(request, response, next);
  };
}

function levelOf(_request: IncomingMessage, response: ServerResponse, error?: Error) {
  if (response.err) return 'error';
  return error || response.statusCode >= 500 ? 'warn' : response.statusCode >= 400 ? 'info' : 'debug';
}

function described(request: IncomingMessage): object {
  return { method: request.method, path: routeOf(request as Request), ip: (request as Request).ip };
}

/** The pattern of the request's route. A path without a route may contain anything and is not logged. */
export function routeOf(request: Request): string {
  return patternOf(request) ?? mounts.get(request) ?? '(no route)';
}

/** The same; null without a route. */
export function patternOf(request: Request): string | null {
  const patterns: unknown[] = [request.route?.path ?? []].flat();
  if (patterns.length === 0) return null;
  const mount = mounts.get(request) ?? '';
  return `${mount}${patterns.find((pattern) => pattern === request.path) ?? patterns[0]}`;
}

/** The path of the request, as far as it cannot be secret: other parameters than these stay as in the pattern. */
export function pathOf(request: Request): string {
  const { asyncId, namespace } = request.params;
  return routeOf(request)
    .replace(':asyncId', isAsyncId(asyncId) ? asyncId : ':asyncId')
    .replace(':namespace', () => String(namespace ?? ':namespace'));
}
