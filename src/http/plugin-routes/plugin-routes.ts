/** HTTP routes of plugins: they need the usual keys unless they authenticate otherwise. */
import { type ErrorRequestHandler, type Express, type RequestHandler, Router } from 'express';
import type { KeyUse } from '../../access/key-use.ts';
import type { Keys } from '../../access/keys.ts';
import { isKeyId } from '../../access/stored-keys.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import { StartError } from '../../domain/start-error.ts';
import type { PluginPipeline } from '../../pipeline/call/plugin-pipeline.ts';
import type { Log, Sql } from '../../plugin/context.ts';
import type { Routes, RouteTools } from '../../plugin/routes.ts';
import { authenticateBy } from '../auth/authenticate.ts';
import { callerOf } from '../auth/callers.ts';
import type { EndedKeys } from '../auth/ended-keys.ts';
import type { FailedAuthentication } from '../auth/failed-authentication.ts';
import type { BodyLimits } from '../body/body.ts';
import { refuseOtherMethods } from '../other-methods.ts';
import { mountedAt } from '../request-log.ts';
import { useErrorBody } from './error-bodies.ts';
import { readJson, readJsonArray } from './read-json.ts';

/** Batchwright's own paths: a plugin's prefix must not hide them. */
const OWN_PATHS =
  /^\/((batch|api|healthz|readyz|metrics|docs|openapi\.json)(\/|$)|v1(\/(batches|keys|actions|limits|system|audit|callback-secret)(\/|$)|\/?$))/i;

export interface PluginRoutesOptions {
  /** `place` is the name of their file. */
  routes: readonly { namespace: string; place: string; routes: Routes }[];
  pipeline: PluginPipeline;
  /** Creates the database access of a namespace's routes. */
  sqlOf(namespace: string): Sql;
  log: Log & { child(bindings: object): Log };
  keys: Pick<Keys, 'authenticate' | 'isValid'>;
  keyUse: KeyUse;
  endedKeys: EndedKeys;
  bodyLimits: BodyLimits;
  /** Handlers before routes that do not authenticate themselves. */
  keyed: RequestHandler[];
  /** Limits the requests of a caller without an API key, by address, and of one with it, by key. */
  limitRate: { byAddress: RequestHandler; byKey: RequestHandler };
  /** Handlers that limit the bodies of routes. */
  bounded: RequestHandler[];
  failed: FailedAuthentication;
}

/** Mounts them all. Throws a StartError that names the file of routes whose prefix is taken, or that fail. */
export async function mountPluginRoutes(app: Express, options: PluginRoutesOptions): Promise<void> {
  const taken = new Map<string, string>();
  for (const { place, routes } of options.routes) {
    const { prefix } = routes;
    // Express compares paths without regard to case, so this does too.
    const other = OWN_PATHS.test(prefix) ? 'Batchwright itself' : taken.get(prefix.toLowerCase());
    if (other) throw new StartError(`${place}: the prefix ${prefix} is taken, by ${other}`);
    taken.set(prefix.toLowerCase(), place);
  }
  // The longest prefix first: it may be below another one.
  for (const mounted of options.routes.toSorted((one, other) => lengthOf(other) - lengthOf(one)))
    await mount(app, options, mounted);
}

const lengthOf = ({ routes }: { routes: Routes }) => routes.prefix.length;

async function mount(
  app: Express,
  options: PluginRoutesOptions,
  { namespace, routes }: PluginRoutesOptions['routes'][number],
): Promise<void> {
  const { prefix, errorBody } = routes;
  const router = Router();
  router.use(
    mountedAt(prefix),
    useErrorBody(errorBody),
    ...(routes.authenticate ? authenticated(options, namespace, routes) : options.keyed),
    ...options.bounded,
  );
  await routes.routes(router, toolsOf(options, namespace));
  app.use(prefix, router, refuseOtherMethods(router), refuseUnknownPath, refuseBrokenJson);
}

/** The handlers before routes that authenticate themselves. */
function authenticated(
  { failed, keys, keyUse, endedKeys, limitRate, sqlOf, log }: PluginRoutesOptions,
  namespace: string,
  { authenticate }: Routes,
): RequestHandler[] {
  const tools = {
    findKey: (key: string) => keys.authenticate(key),
    isValidKey: (keyId: string) => keys.isValid(keyId),
    sql: sqlOf(namespace),
    log: log.child({ plugin: namespace }),
  };
  return [
    authenticateBy(failed, keyUse, (request) => authenticate?.(request, tools) ?? null),
    (request, response, next) => {
      const isByKey = isKeyId(callerOf(request).keyId);
      if (isByKey) endedKeys.watch(request, response, () => limitRate.byKey(request, response, next));
      else limitRate.byAddress(request, response, next);
    },
  ];
}

const refuseUnknownPath: RequestHandler = ({ baseUrl, path }) => {
  throw new BatchwrightError('notFound', {
    message: `There is nothing at ${`${baseUrl}${path}`.slice(0, 200)}`,
  });
};

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

function toolsOf({ pipeline, sqlOf, bodyLimits, log }: PluginRoutesOptions, namespace: string): RouteTools {
  return {
    callerOf,
    submit: (request, batch) => awaited(pipeline.submit(callerOf(request), namespace, batch), 'submit'),
    batch: (request, asyncId) => awaited(pipeline.batch(callerOf(request), asyncId), 'batch'),
    results: (request, asyncId) =>
      refusingJson(
        pipeline.results(callerOf(request), asyncId),
        'results() is read with for await, or as a whole with await Array.fromAsync(results(…))',
      ),
    call: (request, action, params) => awaited(pipeline.call(callerOf(request), action, params), 'call'),
    readJson: (request, { maxBytes } = {}) => awaited(readJson(request, maxBytes), 'readJson'),
    readJsonArray: (request, options) => readJsonArray(request, options, bodyLimits),
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
