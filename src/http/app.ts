/** The express application: middleware in order, then the routes. */
import express, { type Express, type RequestHandler } from 'express';
import helmet, { type HelmetOptions } from 'helmet';
import type { KeyUse } from '../access/key-use.ts';
import type { Keys } from '../access/keys.ts';
import type { Tenants } from '../access/tenants.ts';
import { BatchwrightError } from '../contract/errors.ts';
import type { CallActionDeps } from '../pipeline/call/call-action.ts';
import type { PluginPipeline } from '../pipeline/call/plugin-pipeline.ts';
import type { ActionCatalogue } from '../pipeline/read/action-catalogue.ts';
import type { SystemDeps } from '../pipeline/read/system.ts';
import type { Log, Sql } from '../plugin/context.ts';
import type { Routes } from '../plugin/routes.ts';
import { authenticate } from './auth/authenticate.ts';
import { createEndedKeys } from './auth/ended-keys.ts';
import { createFailedAuthentication } from './auth/failed-authentication.ts';
import { byAddress, byKey, limitRate } from './auth/rate-limit.ts';
import type { BodyLimits } from './body/body.ts';
import { BodyMemory, countBodies } from './body/body-memory.ts';
import { checkAhead } from './body/check-ahead.ts';
import { limitBody } from './body/limit-body.ts';
import { refuseRepeatedHeaders } from './body/repeated-headers.ts';
import { dashboardRoutes } from './dashboard/routes.ts';
import { errorHandler } from './error-handler.ts';
import { healthRoutes } from './health.ts';
import { type MetricsAccess, metricsRoutes } from './metrics/metrics-routes.ts';
import { timeRequests } from './metrics/request-times.ts';
import { openApiRoutes } from './openapi/routes.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { mountPluginRoutes } from './plugin-routes/plugin-routes.ts';
import { mountedAt, requestLog } from './request-log.ts';
import { type RpcDeps, rpc } from './rpc/batch.ts';
import { actionCall } from './rpc/call-action.ts';
import { actionRoutes, addLimits } from './v1/actions.ts';
import { auditRoutes } from './v1/audit.ts';
import { addBatchDetails, type BatchDetailsDeps } from './v1/batch-details.ts';
import { type BatchRoutesDeps, batchRoutes } from './v1/batches.ts';
import { type CallbackRoutesDeps, callbackRoutes } from './v1/callbacks.ts';
import { keyRoutes } from './v1/keys.ts';
import { LiveAnswers } from './v1/live-answers.ts';
import { addOpenCallbacks } from './v1/open-callbacks.ts';
import { addSystem } from './v1/system.ts';

/**
 * Bodies being read may take as much memory as this many of the largest jobs, or this much; most bodies are
 * far smaller.
 */
const JOBS_IN_MEMORY = 8;
const LEAST_BODY_MEMORY = 64 * 1024 * 1024;

export interface HttpDeps
  extends RpcDeps,
    CallActionDeps,
    BatchRoutesDeps,
    BatchDetailsDeps,
    CallbackRoutesDeps {
  actions: ActionCatalogue;
  keys: Keys;
  keyUse: KeyUse;
  tenants: Tenants;
  pluginPipeline: PluginPipeline;
  /** Creates the database access of a plugin's routes. */
  routeSqlOf: (namespace: string) => Sql;
  routes: readonly { namespace: string; place: string; routes: Routes }[];
  /** Of the package. */
  version: string;
  isReady(): Promise<boolean>;
  rateLimit: number;
  /** For `/v1/system`. */
  system: SystemDeps;
  /** Null when `/metrics` is closed. */
  metrics: MetricsAccess | null;
  /** Express's `trust proxy`: proxies whose X-Forwarded-For header is trusted. */
  trustProxy: false | number | string[];
  log: Log & { child(bindings: object): Log };
}

/** Throws a StartError when the routes of a plugin cannot be added. */
export async function createHttpApp(deps: HttpDeps): Promise<Express> {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // answers change all the time, and hashing large ones costs more than it saves
  app.set('trust proxy', deps.trustProxy);
  app.use(helmet(transportSecurity(deps.publicUrl)), keepOutOfCaches);
  // First, so that the line of a request belongs to its trace.
  app.use(timeRequests, requestLog(deps.log), refuseRepeatedHeaders);
  const health = healthRoutes(deps.isReady);
  app.use(health, metricsRoutes(deps.metrics), refuseOtherMethods(health));

  const documents = openApiRoutes({
    version: deps.version,
    actions: deps.actions.all(),
    routes: deps.routes,
    publicUrl: deps.publicUrl,
  });
  const dashboard = dashboardRoutes();
  app.use(documents, dashboard, refuseOtherMethods(documents, dashboard));

  const failed = createFailedAuthentication();
  const memory = new BodyMemory(Math.max(LEAST_BODY_MEMORY, JOBS_IN_MEMORY * deps.bodyLimits.maxJobBytes));
  const endedKeys = createEndedKeys(deps.keys, deps.log);
  const keyed: RequestHandler[] = [
    ...authenticate(deps.keys, deps.keyUse, failed, endedKeys),
    limitRate(deps.rateLimit, byKey),
    countBodies(memory),
  ];
  app.all(['/batch', '/api/1.0/batch'], ...keyed, rpc(deps));
  app.all('/api/1.0/:namespace', ...keyed, actionCall(deps));
  await mountPluginRoutes(app, {
    routes: deps.routes,
    pipeline: deps.pluginPipeline,
    sqlOf: deps.routeSqlOf,
    log: deps.log,
    keys: deps.keys,
    keyUse: deps.keyUse,
    endedKeys,
    bodyLimits: deps.bodyLimits,
    keyed: [...keyed, checkBody(deps.bodyLimits)],
    limitRate: {
      byAddress: limitRate(deps.rateLimit, byAddress),
      byKey: limitRate(deps.rateLimit, byKey),
    },
    bounded: [countBodies(memory), limitBody(deps.bodyLimits.maxBodyBytes)],
    failed,
  });
  // After the plugins' routes: some of these are below /v1 and need another kind of key.
  const liveAnswers = new LiveAnswers(deps.log);
  addBatchDetails(liveAnswers, deps);
  addOpenCallbacks(liveAnswers, deps);
  addLimits(liveAnswers, deps);
  addSystem(liveAnswers, deps.system);
  const rest = [
    batchRoutes(deps, liveAnswers),
    liveAnswers.router,
    actionRoutes(deps),
    keyRoutes(deps),
    auditRoutes(deps),
    callbackRoutes(deps),
  ];
  app.use('/v1', mountedAt('/v1'), ...keyed, ...rest, refuseOtherMethods(...rest));

  app.use((request) => {
    throw new BatchwrightError('notFound', { message: `There is nothing at ${request.path.slice(0, 200)}` });
  });
  app.use(errorHandler(deps.log));
  return app;
}

/**
 * Almost every answer is secret or belongs to a tenant. A route whose answer may be cached sets the header
 * itself.
 */
const keepOutOfCaches: RequestHandler = (_request, response, next) => {
  response.set('cache-control', 'no-store');
  next();
};

/**
 * A browser that has seen this header never returns without TLS. So it is sent only when PUBLIC_URL says that
 * there is TLS, and only for that host. Operators who want more, or less, set the header in the proxy that
 * ends TLS.
 */
function transportSecurity(publicUrl: string | undefined): HelmetOptions {
  const isSecure = publicUrl?.startsWith('https:');
  return {
    strictTransportSecurity: isSecure ? { includeSubDomains: false } : false,
    // Otherwise browsers would send the forms of plugins' pages to a port without TLS.
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: isSecure ? [] : null } },
  };
}

/** Plugins read bodies themselves: the body of a signed request must be checked before. */
function checkBody(limits: BodyLimits): RequestHandler {
  return async (request, _response, next) => {
    await checkAhead(request, limits);
    next();
  };
}
