import { dirname } from 'node:path';
import type { ValidateFunction } from 'ajv';
import { placeOf } from '../domain/files.ts';
import { ACTION_DEFAULTS, type Action, type RetryPolicy } from '../plugin/action.ts';
import type { Callback } from '../plugin/callback.ts';
import type { Limits } from '../plugin/limits.ts';
import { checkParams, createCompiler } from '../validation/check-params.ts';
import { wrongAction } from './action-options.ts';
import { type ActionFile, discover, type PluginFiles } from './discover.ts';
import { aliasesOf, loadCallback, loadRoutes, type RegisteredRoutes } from './load-routes.ts';
import { loadSchema } from './load-schema.ts';
import { createModuleLoader, type LoadOptions, type ModuleLoader } from './module-loader.ts';
import { RegistryError } from './registry-error.ts';

/** An action as the pipeline uses it, with all defaults set. */
export interface RegisteredAction {
  /** `namespace.action` */
  name: string;
  action: Action;
  /** The JSON Schema of its params, and the function that ajv compiled from it. */
  schema: object;
  validate: ValidateFunction;
  permission: string;
  queue: string;
  concurrency: number;
  /** Those in its file; undefined for an action without. */
  limits: Limits | undefined;
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
  readonly routes: readonly RegisteredRoutes[];
  /** The forms of callbacks, by the namespace whose routes submit their batches. */
  readonly callbacks: ReadonlyMap<string, Callback>;
  /** Other names of permissions, as routes declare them. */
  readonly permissionAliases: ReadonlyMap<string, string>;
  readonly migrations: readonly { namespace: string; directory: string }[];
  /** One line for each ignored file that may be there on purpose. */
  readonly warnings: readonly string[];
}

/**
 * Loads every plugin under `roots` (folders that hold `jobs/` and `schemas/`). Throws RegistryError, one line
 * that names the file, for the first wrong one.
 */
export async function loadRegistry(roots: readonly string[], options: LoadOptions = {}): Promise<Registry> {
  const load = createModuleLoader(options);
  const { areSchemasChecked: isChecked = false } = options;
  let compiler: ReturnType<typeof createCompiler> | undefined;
  const compile: ReturnType<typeof createCompiler> = (schema) => {
    compiler ??= createCompiler();
    return compiler(schema);
  };
  const files = joined(roots.map(discover));
  const byName = new Map<string, RegisteredAction>();
  for (const file of files.actions) {
    const registered = await loadAction(file, load, compile, { isChecked });
    byName.set(registered.name, registered);
  }
  const routes: RegisteredRoutes[] = [];
  for (const file of options.hasRoutes === false ? [] : files.routes)
    routes.push(...(await loadRoutes(file, load, options)));
  const callbacks = new Map<string, Callback>();
  for (const file of files.callbacks) callbacks.set(file.namespace, await loadCallback(file, load));
  const actions = [...byName.values()];
  return {
    get: (namespace, action) => byName.get(`${namespace}.${action}`),
    actions,
    queues: [...new Set([ACTION_DEFAULTS.queue, ...actions.map((entry) => entry.queue)])],
    routes,
    callbacks,
    permissionAliases: aliasesOf(routes),
    migrations: files.migrations,
    warnings: files.warnings,
  };
}

/** The files of all roots. Throws RegistryError for a name that two of them define. */
function joined(all: PluginFiles[]): PluginFiles {
  const files: PluginFiles = {
    actions: all.flatMap(({ actions }) => actions),
    routes: all.flatMap(({ routes }) => routes),
    callbacks: all.flatMap(({ callbacks }) => callbacks),
    migrations: all.flatMap(({ migrations }) => migrations),
    warnings: all.flatMap(({ warnings }) => warnings),
  };
  const { actions, routes, migrations } = files;
  const namespaces = [
    ...[...actions, ...routes].map(({ namespace, file }) => ({ name: namespace, file: dirname(file) })),
    ...migrations.map(({ namespace, directory }) => ({ name: namespace, file: dirname(directory) })),
  ];
  refuseSecond('the namespace', namespaces, (other, { name }) => other.name !== name);
  refuseSecond(
    'the action',
    actions.map(({ namespace, action, file }) => ({ name: `${namespace}.${action}`, file })),
  );
  refuseSecond(
    'the folder of migrations of',
    migrations.map(({ namespace, directory }) => ({ name: namespace, file: directory })),
  );
  return files;
}

interface Named {
  name: string;
  file: string;
}

/** Names that differ only in case look the same to readers and to some file systems. */
function refuseSecond(
  what: string,
  named: Named[],
  clash: (one: Named, other: Named) => boolean = () => true,
) {
  const known = new Map<string, Named>();
  for (const { name, file } of named) {
    const other = known.get(name.toLowerCase());
    if (other && clash(other, { name, file })) {
      const spelled = other.name === name ? '' : ` as ${other.name}`;
      throw new RegistryError(
        `${placeOf(file)}: ${what} ${name} exists already${spelled}, in ${placeOf(other.file)}`,
      );
    }
    known.set(name.toLowerCase(), { name, file });
  }
}

async function loadAction(
  file: ActionFile,
  load: ModuleLoader,
  compile: ReturnType<typeof createCompiler>,
  { isChecked }: { isChecked: boolean },
): Promise<RegisteredAction> {
  const { schema, validate } = await loadSchema(file.schemaFile, load, compile, { isChecked });
  const action = (await load(file.file)).default as Action;
  const wrong = wrongAction(action) ?? (isChecked ? null : wrongExample(action, validate));
  if (wrong) throw new RegistryError(`${placeOf(file.file)}: ${wrong}`);
  const name = `${file.namespace}.${file.action}`;
  const { retry } = ACTION_DEFAULTS;
  return {
    name,
    action,
    schema,
    validate,
    permission: action.permission ?? name,
    queue: action.queue ?? ACTION_DEFAULTS.queue,
    concurrency: action.concurrency ?? ACTION_DEFAULTS.concurrency,
    limits: action.limits,
    timeoutSeconds: action.timeoutSeconds ?? ACTION_DEFAULTS.timeoutSeconds,
    transactional: action.transactional ?? false,
    retry: {
      limit: action.retry?.limit ?? retry.limit,
      delaySeconds: action.retry?.delaySeconds ?? retry.delaySeconds,
      backoff: action.retry?.backoff ?? retry.backoff,
    },
  };
}

/** The example is shown to callers, so it must be valid. */
function wrongExample({ example }: Action, validate: ValidateFunction): string | null {
  const problem = example === undefined ? null : checkParams(validate, example);
  return problem && `its example breaks its schema: ${problem.messages.join('; ')}`;
}
