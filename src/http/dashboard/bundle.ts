/**
 * The script and the style sheet of the dashboard. The package has them as files; a clone bundles the sources of
 * src/dashboard at the first request, with esbuild, which works in a process of its own.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Bundle {
  script: Uint8Array;
  style: Uint8Array;
}

const SOURCES = join(import.meta.dirname, '../../dashboard');
/** Where `npm run build` puts the files for the package. */
const BUILT = join(SOURCES, 'built');
const SCRIPT = 'main.js';
const STYLE = 'style.css';

/** The files of the package, or else a new bundle. */
export async function loadBundle(): Promise<Bundle> {
  try {
    const [script, style] = await Promise.all([readFile(join(BUILT, SCRIPT)), readFile(join(BUILT, STYLE))]);
    return { script, style };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return bundle();
  }
}

/** Bundles the sources. Rejects with esbuild's list of errors. */
async function bundle(): Promise<Bundle> {
  // Only the process that serves the page needs it.
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [join(SOURCES, 'main.tsx'), join(SOURCES, STYLE)],
      bundle: true,
      minify: true,
      write: false,
      outdir: SOURCES,
      format: 'iife',
      target: ['es2022'],
      legalComments: 'none',
      logLevel: 'silent',
      tsconfigRaw: { compilerOptions: { jsx: 'react-jsx', jsxImportSource: 'preact' } },
    });
    const contentsOf = (name: string): Uint8Array => {
      const file = outputFiles.find(({ path }) => path.endsWith(name));
      if (!file) throw new Error(`esbuild has not written ${name}`);
      return file.contents;
    };
    return { script: contentsOf(SCRIPT), style: contentsOf(STYLE) };
  } finally {
    await stop();
  }
}

/**
 * Writes both files, for the package: `node src/http/dashboard/bundle.ts <folder>`.
 *
 * @param folder `dashboard/built` beside the compiled `http`
 */
async function writeBundle(folder: string): Promise<void> {
  const { script, style } = await bundle();
  await mkdir(folder, { recursive: true });
  await Promise.all([writeFile(join(folder, SCRIPT), script), writeFile(join(folder, STYLE), style)]);
}

const [, program, folder] = process.argv;
if (folder && program && import.meta.url === pathToFileURL(program).href) await writeBundle(folder);
