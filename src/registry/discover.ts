import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { RegistryError } from './registry-error.ts';

export interface ActionFile {
  namespace: string;
  action: string;
  /** Absolute paths. */
  file: string;
  schemaFile: string;
}

export interface PluginFiles {
  actions: ActionFile[];
  /** `routes.ts` files by namespace. */
  routes: { namespace: string; file: string }[];
  /** Folders of SQL migrations by namespace. */
  migrations: { namespace: string; directory: string }[];
}

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
/** Schemas that Postgres, the queue or this project own, and the RPC namespace of the batch itself. */
const REFUSED = /^(batch|batchwright|pgboss|public|pg_.*|information_schema)$/i;

/**
 * Finds the plugins of `root`: `jobs/<namespace>/<action>.ts` with `schemas/<namespace>/<action>.ts`.
 * Throws RegistryError, one line that names the file, for whatever cannot be one.
 */
export function discover(root: string): PluginFiles {
  const found: PluginFiles = { actions: [], routes: [], migrations: [] };
  const jobs = join(root, 'jobs');
  if (!existsSync(jobs)) return found;
  for (const entry of readdirSync(jobs, { withFileTypes: true }).sort(byName)) {
    if (!entry.isDirectory()) continue;
    if (!NAME.test(entry.name) || REFUSED.test(entry.name))
      throw new RegistryError(`jobs/${entry.name}: the namespace "${entry.name}" is not allowed`);
    scanNamespace(root, entry.name, found);
  }
  return found;
}

function scanNamespace(root: string, namespace: string, found: PluginFiles): void {
  const folder = join(root, 'jobs', namespace);
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort(byName)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name === 'migrations') found.migrations.push({ namespace, directory: path });
      else if (entry.name !== 'lib')
        throw new RegistryError(
          `${relative(root, path)}: only lib/ and migrations/ may stand in a namespace`,
        );
    } else if (entry.name === 'routes.ts') {
      found.routes.push({ namespace, file: path });
    } else if (entry.name.endsWith('.ts')) {
      found.actions.push(actionFile(root, namespace, entry.name));
    }
  }
}

function actionFile(root: string, namespace: string, fileName: string): ActionFile {
  const action = fileName.slice(0, -'.ts'.length);
  const file = join(root, 'jobs', namespace, fileName);
  if (!NAME.test(action))
    throw new RegistryError(`${relative(root, file)}: "${action}" is no name for an action`);
  const schemaFile = join(root, 'schemas', namespace, fileName);
  if (!existsSync(schemaFile))
    throw new RegistryError(`${relative(root, file)}: its schema ${relative(root, schemaFile)} is missing`);
  return { namespace, action, file, schemaFile };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
