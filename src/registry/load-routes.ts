/** Loads the files of a plugin that serve HTTP: `routes.ts`, and `callback.ts` for the form of its callbacks. */
import { placeOf } from '../domain/files.ts';
import type { Callback } from '../plugin/callback.ts';
import type { Routes } from '../plugin/routes.ts';
import type { PluginFiles } from './discover.ts';
import { createStarter, type LoadOptions, type ModuleLoader } from './module-loader.ts';
import { RegistryError } from './registry-error.ts';
import { wrongCallback, wrongRoutes } from './route-options.ts';

/**
 * The routes of a plugin. They are added with a time limit; their errors become a RegistryError that names
 * the file.
 */
export interface RegisteredRoutes {
  namespace: string;
  /** Their file's name in errors. */
  place: string;
  routes: Routes;
}

/** Loads a `routes.ts`: one for each of its prefixes. Throws RegistryError. */
export async function loadRoutes(
  { namespace, file }: PluginFiles['routes'][number],
  load: ModuleLoader,
  options: LoadOptions,
): Promise<RegisteredRoutes[]> {
  const exported = (await load(file)).default as Routes | Routes[];
  const start = createStarter('routes()', options);
  return [exported].flat().map((routes) => {
    const wrong = wrongRoutes(routes);
    if (wrong) throw new RegistryError(`${placeOf(file)}: ${wrong}`);
    const add: Routes['routes'] = (router, tools) => start(file, () => routes.routes(router, tools));
    return { namespace, place: placeOf(file), routes: { ...routes, routes: add } };
  });
}

/** Loads a `callback.ts`. Throws RegistryError. */
export async function loadCallback(
  { file }: PluginFiles['callbacks'][number],
  load: ModuleLoader,
): Promise<Callback> {
  const callback = (await load(file)).default as Callback;
  const wrong = wrongCallback(callback);
  if (wrong) throw new RegistryError(`${placeOf(file)}: ${wrong}`);
  return callback;
}

/** The permissions that routes rename. Throws RegistryError for a name that means two of them. */
export function aliasesOf(all: readonly RegisteredRoutes[]): Map<string, string> {
  const aliases = new Map<string, string>();
  for (const { place, routes } of all)
    for (const [alias, permission] of Object.entries(routes.permissionAliases ?? {})) {
      const other = aliases.get(alias) ?? permission;
      if (other !== permission)
        throw new RegistryError(`${place}: the permission ${alias} already means ${other}`);
      aliases.set(alias, permission);
    }
  return aliases;
}
