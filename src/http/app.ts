/** The express application: middleware in order, then the routes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { type Options, pinoHttp } from 'pino-http';
import { BatchwrightError } from '../domain/errors.ts';
import type { ActionCatalogue } from '../pipeline/action-catalogue.ts';
import type { Keys } from '../pipeline/keys.ts';
import type { PluginPipeline } from '../pipeline/plugin-pipeline.ts';
import type { RunAloneDeps } from '../pipeline/run-alone.ts';
import type { Log } from '../plugin/context.ts';
import type { Routes } from '../plugin/routes.ts';
import { alone } from './alone.ts';
import { authenticate, byAddress, byKey, limitRate } from './authenticate.ts';
import { errorHandler } from './errors.ts';
import { healthRoutes } from './health.ts';
import { mountPluginRoutes } from './plugin-routes.ts';
import { type RpcDeps, rpc } from './rpc.ts';
import { actionRoutes } from './v1/actions.ts';
import { type BatchRoutesDeps, batchRoutes } from './v1/batches.ts';
import { keyRoutes } from './v1/keys.ts';

export interface HttpDeps extends RpcDeps, RunAloneDeps, BatchRoutesDeps {
  actions: ActionCatalogue;
  keys: Keys;
  pluginPipeline: PluginPipeline;
  routes: readonly { namespace: string; routes: Routes }[];
  isReady(): Promise<boolean>;
  rateLimit: number;
  log: Log & { child(bindings: object): Log };
}

export function createHttpApp(deps: HttpDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // answers are of the moment, and hashing large ones costs more than it saves
  app.use(helmet());
  app.use(requestLog(deps.log));
  app.use(healthRoutes(deps.isReady));

  const keyed: RequestHandler[] = [authenticate(deps.keys), limitRate(deps.rateLimit, byKey)];
  app.all(['/batch', '/api/1.0/batch'], ...keyed, rpc(deps));
  app.all('/api/1.0/:namespace', ...keyed, alone(deps));
  mountPluginRoutes(app, {
    routes: deps.routes,
    pipeline: deps.pluginPipeline,
    log: deps.log,
    keyed,
    limitRate: limitRate(deps.rateLimit, byAddress),
  });
  // After the plugins' routes: some stand below /v1 and ask for another kind of key.
  app.use('/v1', ...keyed, batchRoutes(deps), actionRoutes(deps.actions), keyRoutes(deps.keys));

  app.use((request) => {
    throw new BatchwrightError('notFound', { message: `There is nothing at ${request.path.slice(0, 200)}` });
  });
  app.use(errorHandler(deps.log));
  return app;
}

/** A line a request, without headers, bodies and query values: keys and ids of strangers stay out of the log. */
function requestLog(log: Log): RequestHandler {
  return pinoHttp({
    logger: log as unknown as NonNullable<Options['logger']>,
    customLogLevel: (_request: IncomingMessage, response: ServerResponse, error?: Error) =>
      error || response.statusCode >= 500 ? 'warn' : response.statusCode >= 400 ? 'info' : 'debug',
    serializers: {
      req: (request: { method: string; url: string }) => ({
        method: request.method,
        path: request.url.split('?')[0],
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
  });
}
