import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { wrongActionName, wrongNamespace } from '../domain/action-name.ts';
import { isIncidental, placeOf } from '../domain/files.ts';
import { OWN_EXTENSION } from '../domain/own-module.ts';
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
  /** `callback.ts` files by namespace. */
  callbacks: { namespace: string; file: string }[];
  /** Folders of SQL migrations by namespace. */
  migrations: { namespace: string; directory: string }[];
  /** One line for each file that is ignored where it is, though it may be there on purpose. */
  warnings: string[];
}

const TEST = /\.(spec|test)\.[cm]?[jt]sx?$/;
const DECLARATIONS = /\.d\.[cm]?ts$/;
/** The folder that holds our own `jobs/`: JavaScript in the package. */
const OWN_ROOT = resolve(import.meta.dirname, '../..');
const SCRIPT = /\.[cm]?[jt]sx?$/;

/**
 * Finds the plugins of `root`: `jobs/<namespace>/<action>.ts` with `schemas/<namespace>/<action>.ts`. `jobs/lib`
 * is code that namespaces share, and is not scanned. Throws RegistryError, one line that names the file and the
 * rule, for a file that looks like a part of a plugin and cannot be one. Documents, hidden files and editors'
 * backups are ignored.
 */
export function discover(root: string): PluginFiles {
  const extension = root === OWN_ROOT ? OWN_EXTENSION : '.ts';
  const found: PluginFiles = { actions: [], routes: [], callbacks: [], migrations: [], warnings: [] };
  for (const { name, path, isFolder } of entriesOf(join(root, 'jobs'))) {
    if (!isFolder) {
      refuseScript(path, `an action belongs in the folder of its namespace, as in jobs/demo/${name}`);
      found.warnings.push(`${placeOf(path)} is not used: jobs/ has a folder for each namespace`);
      continue;
    }
    if (name === 'lib') continue;
    const wrong = wrongNamespace(name);
    if (wrong) throw new RegistryError(`${placeOf(path)}: ${wrong}`);
    scanNamespace(root, name, extension, found);
  }
  scanSchemas(root, extension, found);
  return found;
}

function scanNamespace(root: string, namespace: string, extension: string, found: PluginFiles): void {
  for (const { name, path, isFolder } of entriesOf(join(root, 'jobs', namespace))) {
    if (isFolder) {
      if (name === 'migrations') found.migrations.push({ namespace, directory: path });
      else if (name !== 'lib')
        throw new RegistryError(
          `${placeOf(path)}: a namespace may only have the folders lib/ and migrations/; what actions share goes to lib/`,
        );
    } else if (name === `routes${extension}`) {
      found.routes.push({ namespace, file: path });
    } else if (name === `callback${extension}`) {
      found.callbacks.push({ namespace, file: path });
    } else if (name.endsWith(extension) && !TEST.test(name)) {
      found.actions.push(actionFile(root, namespace, name.slice(0, -extension.length), extension));
    } else {
      refuseScript(
        path,
        'an action is TypeScript, in a file that ends with .ts; what actions share goes to lib/',
      );
      found.warnings.push(`${placeOf(path)} is not used: what actions read goes to lib/`);
    }
  }
}

function actionFile(root: string, namespace: string, action: string, extension: string): ActionFile {
  const fileName = `${action}${extension}`;
  const file = join(root, 'jobs', namespace, fileName);
  const wrong = wrongActionName(action);
  if (wrong) throw new RegistryError(`${placeOf(file)}: ${wrong}`);
  const schemas = join(root, 'schemas', namespace);
  const schemaFile = join(schemas, fileName);
  const beside = entriesOf(schemas).map(({ name }) => name);
  if (!beside.includes(fileName)) {
    const other = beside.find((name) => name.replace(/\..*$/, '').toLowerCase() === action.toLowerCase());
    const hint = other ? `; ${placeOf(join(schemas, other))} is not it: the name must be the same` : '';
    throw new RegistryError(`${placeOf(file)}: its schema ${placeOf(schemaFile)} is missing${hint}`);
  }
  return { namespace, action, file, schemaFile };
}

/** Finds schemas without an action: the action was renamed, or never written. */
function scanSchemas(root: string, extension: string, found: PluginFiles): void {
  const used = new Set(found.actions.map(({ schemaFile }) => schemaFile));
  const folder = join(root, 'schemas');
  const shared = 'what schemas share goes to schemas/lib/';
  for (const { name, path, isFolder } of entriesOf(folder)) {
    if (name === 'lib') continue;
    for (const schema of isFolder ? entriesOf(path) : [{ name, path, isFolder }]) {
      if (used.has(schema.path) || schema.name === 'lib') continue;
      if (!schema.name.endsWith(extension) || TEST.test(schema.name))
        refuseScript(schema.path, `a schema is TypeScript, in a file that ends with .ts; ${shared}`);
      found.warnings.push(`${placeOf(schema.path)} is not used: it is the schema of no action; ${shared}`);
    }
  }
}

/** Throws for a file that is meant to run but never would. */
function refuseScript(path: string, rule: string): void {
  const place = placeOf(path);
  if (TEST.test(path))
    throw new RegistryError(`${place}: tests belong outside jobs/ and schemas/, as in test/jobs/`);
  if (path.endsWith('.sql'))
    throw new RegistryError(`${place}: a migration belongs in jobs/<namespace>/migrations/`);
  if (SCRIPT.test(path)) throw new RegistryError(`${place}: ${rule}`);
}

interface Entry {
  name: string;
  path: string;
  isFolder: boolean;
}

/**
 * The entries of a folder, sorted by name, without ignored files; links are followed. Empty when there is no
 * folder.
 */
function entriesOf(folder: string): Entry[] {
  return namesOf(folder)
    .filter((name) => !isIncidental(name) && !DECLARATIONS.test(name))
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat) throw new RegistryError(`${placeOf(path)}: it is a link to a missing file`);
      return { name, path, isFolder: stat.isDirectory() };
    });
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new RegistryError(`${placeOf(folder)}: it cannot be read as a folder: ${message}`);
  }
}
