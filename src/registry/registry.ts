import { relative } from 'node:path';
import type { ValidateFunction } from 'ajv';
import { ACTION_DEFAULTS, type Action, type RetryPolicy } from '../plugin/action.ts';
import type { Routes } from '../plugin/routes.ts';
import { type ActionFile, discover } from './discover.ts';
import { createModuleLoader, type ModuleLoader, messageOf } from './module-loader.ts';
import { RegistryError } from './registry-error.ts';
import { createCompiler } from './schema.ts';

/** An action as the pipeline sees it: every default filled in. */
export interface RegisteredAction {
  /** `namespace.action` */
  name: string;
  action: Action;
  /** The JSON Schema of its params, and ajv's function compiled from it. */
  schema: object;
  validate: ValidateFunction;
  permission: string;
  queue: string;
  concurrency: number;
  timeoutSeconds: number;
  transactional: boolean;
  retry: RetryPolicy;
}

export interface Registry {
  /** Undefined when no such action exists. */
  get(namespace: string, action: string): RegisteredAction | undefined;
  readonly actions: readonly RegisteredAction[];
  /** Every queue that an action names. */
  readonly queues: readonly string[];
  readonly routes: readonly { namespace: string; routes: Routes }[];
  readonly migrations: readonly { namespace: string; directory: string }[];
}

const MAX_TIMEOUT_SECONDS = 21_600;
/** No pattern: express would read `:` and `*` as such. */
const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/;
const QUEUE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,40}$/;

/**
 * Loads every plugin under `roots` (folders that hold `jobs/` and `schemas/`).
 * Throws RegistryError, one line that names the file, when one of them is wrong.
 *
 * @param isStopping true once the process is to end: that it does while it loads is no file's fault then
 */
export async function loadRegistry(
  roots: readonly string[],
  isStopping: () => boolean = () => false,
): Promise<Registry> {
  const compile = createCompiler();
  const load = createModuleLoader(isStopping);
  const byName = new Map<string, RegisteredAction>();
  const routes: { namespace: string; routes: Routes }[] = [];
  const migrations: { namespace: string; directory: string }[] = [];
  for (const root of roots) {
    const files = discover(root);
    for (const file of files.actions) {
      const registered = await loadAction(root, file, load, compile);
      if (byName.has(registered.name))
        throw new RegistryError(`${relative(root, file.file)}: the action ${registered.name} exists already`);
      byName.set(registered.name, registered);
    }
    for (const { namespace, file } of files.routes)
      routes.push({ namespace, routes: checkRoutes(relative(root, file), (await load(root, file)).default) });
    migrations.push(...files.migrations);
  }
  const actions = [...byName.values()];
  return {
    get: (namespace, action) => byName.get(`${namespace}.${action}`),
    actions,
    queues: [...new Set([ACTION_DEFAULTS.queue, ...actions.map((entry) => entry.queue)])],
    routes,
    migrations,
  };
}

async function loadAction(
  root: string,
  file: ActionFile,
  load: ModuleLoader,
  compile: ReturnType<typeof createCompiler>,
): Promise<RegisteredAction> {
  const { schema, validate } = await loadSchema(root, file.schemaFile, load, compile);
  const place = relative(root, file.file);
  const action = (await load(root, file.file)).default as Action | undefined;
  if (action === null || typeof action !== 'object')
    throw new RegistryError(`${place}: its default export must be defineAction({ … })`);
  const name = `${file.namespace}.${file.action}`;
  const registered: RegisteredAction = {
    name,
    action,
    schema,
    validate,
    permission: action.permission ?? name,
    queue: action.queue ?? ACTION_DEFAULTS.queue,
    concurrency: action.concurrency ?? ACTION_DEFAULTS.concurrency,
    timeoutSeconds: action.timeoutSeconds ?? ACTION_DEFAULTS.timeoutSeconds,
    transactional: action.transactional ?? false,
    retry: { ...ACTION_DEFAULTS.retry, ...action.retry },
  };
  const problem = wrongOption(registered);
  if (problem) throw new RegistryError(`${place}: ${problem}`);
  return registered;
}

function wrongOption({ action, ...entry }: RegisteredAction): string | null {
  if ((typeof action.run === 'function') === (typeof action.runMany === 'function'))
    return 'it must have either run or runMany';
  if (typeof action.summary !== 'string' || action.summary === '') return 'its summary must be a text';
  if (!Number.isInteger(entry.concurrency) || entry.concurrency < 1)
    return `concurrency must be a whole number from 1, not ${entry.concurrency}`;
  if (!(entry.timeoutSeconds > 0 && entry.timeoutSeconds <= MAX_TIMEOUT_SECONDS))
    return `timeoutSeconds must be over 0 and at most ${MAX_TIMEOUT_SECONDS}, not ${entry.timeoutSeconds}`;
  if (!QUEUE_NAME.test(entry.queue)) return `queue "${entry.queue}" must be letters, digits, - and _`;
  if (!Number.isInteger(entry.retry.limit) || entry.retry.limit < 0 || entry.retry.limit > 1000)
    return `retry.limit must be a whole number from 0 to 1000, not ${entry.retry.limit}`;
  if (!(entry.retry.delaySeconds >= 0)) return 'retry.delaySeconds must not be negative';
  if (typeof entry.retry.backoff !== 'boolean') return 'retry.backoff must be true or false';
  if (typeof entry.permission !== 'string' || entry.permission === '') return 'its permission must be a text';
  if (typeof entry.transactional !== 'boolean') return 'transactional must be true or false';
  return null;
}

async function loadSchema(
  root: string,
  file: string,
  load: ModuleLoader,
  compile: ReturnType<typeof createCompiler>,
): Promise<{ schema: object; validate: ValidateFunction }> {
  const place = relative(root, file);
  const schema = (await load(root, file)).params;
  if (schema === null || typeof schema !== 'object')
    throw new RegistryError(`${place}: it must export params, a JSON Schema`);
  try {
    return { schema, validate: compile(schema) };
  } catch (error) {
    throw new RegistryError(`${place}: the schema does not compile: ${messageOf(error)}`, { cause: error });
  }
}

function checkRoutes(place: string, routes: unknown): Routes {
  const candidate = routes as Partial<Routes> | undefined;
  if (typeof candidate?.prefix !== 'string' || !PREFIX.test(candidate.prefix))
    throw new RegistryError(`${place}: its default export must be defineRoutes({ prefix: "/…", … })`);
  if (typeof candidate.routes !== 'function')
    throw new RegistryError(`${place}: defineRoutes needs a routes function`);
  return candidate as Routes;
}
