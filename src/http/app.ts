/** The express application: middleware in order, then the routes. */
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { BatchwrightError } from '../domain/errors.ts';
import type { ActionCatalogue } from '../pipeline/action-catalogue.ts';
import type { Keys } from '../pipeline/keys.ts';
import type { PluginPipeline } from '../pipeline/plugin-pipeline.ts';
import type { RunAloneDeps } from '../pipeline/run-alone.ts';
import type { Log } from '../plugin/context.ts';
import type { Routes } from '../plugin/routes.ts';
import { alone } from './alone.ts';
import { authenticate, byAddress, byKey, limitRate } from './authenticate.ts';
import { type BodyLimits, checkAhead } from './body.ts';
import { errorHandler } from './errors.ts';
import { healthRoutes } from './health.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { mountPluginRoutes } from './plugin-routes.ts';
import { requestLog } from './request-log.ts';
import { type RpcDeps, rpc } from './rpc.ts';
import { actionRoutes } from './v1/actions.ts';
import { type BatchRoutesDeps, batchRoutes } from './v1/batches.ts';
import { keyRoutes } from './v1/keys.ts';

export interface HttpDeps extends RpcDeps, RunAloneDeps, BatchRoutesDeps {
  actions: ActionCatalogue;
  keys: Keys;
  pluginPipeline: PluginPipeline;
  routes: readonly { namespace: string; place: string; routes: Routes }[];
  isReady(): Promise<boolean>;
  rateLimit: number;
  log: Log & { child(bindings: object): Log };
}

/** Throws a StartError when the routes of a plugin cannot be added. */
export async function createHttpApp(deps: HttpDeps): Promise<Express> {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // answers are of the moment, and hashing large ones costs more than it saves
  app.use(helmet());
  app.use(requestLog(deps.log));
  const health = healthRoutes(deps.isReady);
  app.use(health, refuseOtherMethods(health));

  const keyed: RequestHandler[] = [authenticate(deps.keys), limitRate(deps.rateLimit, byKey)];
  app.all(['/batch', '/api/1.0/batch'], ...keyed, rpc(deps));
  app.all('/api/1.0/:namespace', ...keyed, alone(deps));
  await mountPluginRoutes(app, {
    routes: deps.routes,
    pipeline: deps.pluginPipeline,
    log: deps.log,
    keyed: [...keyed, checkBody(deps.bodyLimits)],
    limitRate: limitRate(deps.rateLimit, byAddress),
  });
  // After the plugins' routes: some stand below /v1 and ask for another kind of key.
  const rest = [batchRoutes(deps), actionRoutes(deps.actions), keyRoutes(deps.keys)];
  app.use('/v1', ...keyed, ...rest, refuseOtherMethods(...rest));

  app.use((request) => {
    throw new BatchwrightError('notFound', { message: `There is nothing at ${request.path.slice(0, 200)}` });
  });
  app.use(errorHandler(deps.log));
  return app;
}

/** Plugins read bodies by themselves: that of a signed request must be known to be right by then. */
function checkBody(limits: BodyLimits): RequestHandler {
  return async (request, _response, next) => {
    await checkAhead(request, limits);
    next();
  };
}
