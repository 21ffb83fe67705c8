/** HTTP routes that plugins bring: behind the usual keys unless they authenticate otherwise. */
import { type ErrorRequestHandler, type Express, type RequestHandler, Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { StartError } from '../../domain/start-error.ts';
import type { PluginPipeline } from '../../pipeline/call/plugin-pipeline.ts';
import type { Log, Sql } from '../../plugin/context.ts';
import type { Routes, RouteTools } from '../../plugin/routes.ts';
import { authenticateBy } from '../auth/authenticate.ts';
import { callerOf } from '../auth/callers.ts';
import type { FailedAuthentication } from '../auth/failed-authentication.ts';
import { mountedAt } from '../request-log.ts';

/** Paths of our own: a plugin's prefix must not shadow them. */
const OWN_PATHS =
  /^\/((batch|api|healthz|readyz|metrics|docs|openapi\.json)(\/|$)|v1(\/(batches|keys|actions|callback-secret)(\/|$)|\/?$))/i;

export interface PluginRoutesOptions {
  /** By `place`, the name of their file. */
  routes: readonly { namespace: string; place: string; routes: Routes }[];
  pipeline: PluginPipeline;
  /** What reads the database for the routes of a namespace. */
  sqlOf(namespace: string): Sql;
  log: Log & { child(bindings: object): Log };
  /** What stands before routes that do not authenticate by themselves. */
  keyed: RequestHandler[];
  limitRate: RequestHandler;
  /** What bounds the bodies that routes read. */
  bounded: RequestHandler[];
  failed: FailedAuthentication;
}

/** Mounts them all. Throws a StartError that names the file of those whose prefix is taken, or that fail. */
export async function mountPluginRoutes(app: Express, options: PluginRoutesOptions): Promise<void> {
  const taken = new Map<string, string>();
  for (const { namespace, place, routes } of options.routes) {
    const { prefix } = routes;
    // Paths are compared as express compares them: whatever the case.
    const other = OWN_PATHS.test(prefix) ? 'Batchwright itself' : taken.get(prefix.toLowerCase());
    if (other) throw new StartError(`${place}: the prefix ${prefix} is taken, by ${other}`);
    taken.set(prefix.toLowerCase(), place);
    const router = Router();
    const { authenticate } = routes;
    router.use(
      mountedAt(prefix),
      ...(authenticate ? [authenticateBy(options.failed, authenticate), options.limitRate] : options.keyed),
      ...options.bounded,
    );
    await routes.routes(router, toolsOf(options, namespace));
    app.use(prefix, router, refuseBrokenJson);
  }
}

/** A route that parses the body and leaves it at that means the caller: its own fault is no error of JSON.parse. */
const refuseBrokenJson: ErrorRequestHandler = (error, { method }, _response, next) => {
  const isOfBody = error instanceof SyntaxError && error.message.includes('JSON');
  if (!isOfBody || method === 'GET' || method === 'HEAD') return next(error);
  next(
    new BatchwrightError('badRequest', {
      message: `The body is not valid JSON: ${error.message}`,
      cause: error,
    }),
  );
};

function toolsOf({ pipeline, sqlOf, log }: PluginRoutesOptions, namespace: string): RouteTools {
  return {
    submit: (request, batch) => awaited(pipeline.submit(callerOf(request), batch), 'submit'),
    batch: (request, asyncId) => awaited(pipeline.batch(callerOf(request), asyncId), 'batch'),
    results: (request, asyncId) =>
      refusingJson(
        pipeline.results(callerOf(request), asyncId),
        'results() is read with for await, or as a whole with await Array.fromAsync(results(…))',
      ),
    call: (request, action, params) => awaited(pipeline.call(callerOf(request), action, params), 'call'),
    sql: sqlOf(namespace),
    log: log.child({ plugin: namespace }),
  };
}

function awaited<T>(promise: Promise<T>, tool: string): Promise<T> {
  return refusingJson(promise, `${tool}() is a promise: await it`);
}

/** Without it `response.json(…)` of the value would answer `{}`, and nobody would be told why. */
function refusingJson<T extends object>(value: T, remedy: string): T {
  const toJSON = () => {
    throw new TypeError(remedy);
  };
  return Object.defineProperty(value, 'toJSON', { value: toJSON });
}
