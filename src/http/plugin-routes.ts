/** HTTP routes that plugins bring: behind the usual keys unless they authenticate otherwise. */
import { type Express, type RequestHandler, Router } from 'express';
import { BatchwrightError } from '../domain/errors.ts';
import type { PluginPipeline } from '../pipeline/plugin-pipeline.ts';
import type { Log } from '../plugin/context.ts';
import type { Routes, RouteTools } from '../plugin/routes.ts';
import { callerOf, setCaller } from './authenticate.ts';

/** Paths of our own: a plugin's prefix must not shadow them. */
const OWN_PATHS =
  /^\/((batch|api|healthz|readyz|metrics|docs|openapi\.json)(\/|$)|v1(\/(batches|keys|actions|callback-secret)(\/|$)|\/?$))/i;

export interface PluginRoutesOptions {
  routes: readonly { namespace: string; routes: Routes }[];
  pipeline: PluginPipeline;
  log: Log & { child(bindings: object): Log };
  /** What stands before routes that do not authenticate by themselves. */
  keyed: RequestHandler[];
  limitRate: RequestHandler;
}

/** Mounts them all. Throws an Error that names the plugin whose prefix is taken. */
export function mountPluginRoutes(app: Express, options: PluginRoutesOptions): void {
  const taken = new Set<string>();
  for (const { namespace, routes } of options.routes) {
    const { prefix } = routes;
    // Paths are compared as express compares them: whatever the case.
    if (OWN_PATHS.test(prefix) || taken.has(prefix.toLowerCase()))
      throw new Error(`jobs/${namespace}/routes.ts: the prefix ${prefix} is taken`);
    taken.add(prefix.toLowerCase());
    const router = Router();
    router.use(
      ...(routes.authenticate ? [authenticateBy(routes.authenticate), options.limitRate] : options.keyed),
    );
    routes.routes(router, toolsOf(options.pipeline, options.log.child({ plugin: namespace })));
    app.use(prefix, router);
  }
}

function authenticateBy(authenticate: NonNullable<Routes['authenticate']>): RequestHandler {
  return async (request, _response, next) => {
    const caller = await authenticate(request);
    if (!caller) throw new BatchwrightError('unauthorized');
    setCaller(request, caller);
    next();
  };
}

function toolsOf(pipeline: PluginPipeline, log: Log): RouteTools {
  return {
    submit: (request, batch) => pipeline.submit(callerOf(request), batch),
    batch: (request, asyncId) => pipeline.batch(callerOf(request), asyncId),
    results: (request, asyncId) => pipeline.results(callerOf(request), asyncId),
    call: (request, action, params) => pipeline.call(callerOf(request), action, params),
    log,
  };
}
