/** HTTP routes of plugins: they need the usual keys unless they authenticate otherwise. */
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

/** Batchwright's own paths: a plugin's prefix must not hide them. */
const OWN_PATHS =
  /^\/((batch|api|healthz|readyz|metrics|docs|openapi\.json)(\/|$)|v1(\/(batches|keys|actions|callback-secret)(\/|$)|\/?$))/i;

export interface PluginRoutesOptions {
  /** `place` is the name of their file. */
  routes: readonly { namespace: string; place: string; routes: Routes }[];
  pipeline: PluginPipeline;
  /** Creates the database access of a namespace's routes. */
  sqlOf(namespace: string): Sql;
  log: Log & { child(bindings: object): Log };
  /** Handlers before routes that do not authenticate themselves. */
  keyed: RequestHandler[];
  limitRate: RequestHandler;
  /** Handlers that limit the bodies of routes. */
  bounded: RequestHandler[];
  failed: FailedAuthentication;
}

/** Mounts them all. Throws a StartError that names the file of routes whose prefix is taken, or that fail. */
export async function mountPluginRoutes(app: Express, options: PluginRoutesOptions): Promise<void> {
  const taken = new Map<string, string>();
  for (const { namespace, place, routes } of options.routes) {
    const { prefix } = routes;
    // Express compares paths without regard to case, so this does too.
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

/** Turns a JSON error of a route's body parser into the caller's error. */
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

/** Otherwise `response.json(…)` of the value would answer `{}` without an error. */
function refusingJson<T extends object>(value: T, remedy: string): T {
  const toJSON = () => {
    throw new TypeError(remedy);
  };
  return Object.defineProperty(value, 'toJSON', { value: toJSON });
}
