/** `npm run build`: compiles the product to `dist/`, the folder that the package has in place of the sources. */
import { execFile } from 'node:child_process';
import { cp, glob, readFile, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
/** Folders with files beside TypeScript: migrations, threads in plain JavaScript, Swagger UI. */
const FOLDERS = ['src', 'jobs', 'schemas'];
/** TypeScript is compiled, the dashboard is bundled, and documents are for readers of the source. */
const DASHBOARD = join(ROOT, 'src/dashboard');
const NOT_COPIED = /\.(ts|md)$/;

export async function build(): Promise<void> {
  await rm(DIST, { recursive: true, force: true });
  await run(join(ROOT, 'node_modules/typescript/bin/tsc'), ['--project', join(ROOT, 'tsconfig.build.json')]);
  for (const folder of FOLDERS)
    await cp(join(ROOT, folder), join(DIST, folder), {
      recursive: true,
      filter: (path) => path !== DASHBOARD && !NOT_COPIED.test(path),
    });
  // The compiler copies it, because a file imports it. There it would be another package's.
  await rm(join(DIST, 'package.json'));
  const bundle = join(ROOT, 'src/http/dashboard/bundle.ts');
  await run(bundle, [join(DIST, 'src/dashboard/built')]);
  await refuseSourceNames(DIST);
}

/** The quoted path of a TypeScript file. The manifest of the package leads `#schemas/….ts` to what is compiled. */
const SOURCE_NAME = /(['"`])\.{1,2}\/[^'"`\s]*\.[cm]?ts\1/g;

/**
 * Throws an Error that names each compiled file that would load a TypeScript file, which the package does not have. The
 * compiler changes the names in imports, but not in an `import()` within `export default`, nor in a `new URL()`.
 */
export async function refuseSourceNames(folder: string): Promise<void> {
  const wrong: string[] = [];
  for await (const path of glob(join(folder, '**/*.{js,mjs}')))
    for (const [name] of (await readFile(path, 'utf8')).matchAll(SOURCE_NAME))
      wrong.push(`${relative(folder, path)}: ${name}`);
  if (wrong.length > 0)
    throw new Error(
      `the build fails: a compiled file names a source that the package does not have (an import() within export default stays as it is: give its function a name):\n${wrong.sort().join('\n')}`,
    );
}

/** Throws an Error with what the program says. */
async function run(program: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [program, ...args]);
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`the build fails: ${stdout || stderr || message}`, { cause: error });
  }
}

if (import.meta.main) await build();
