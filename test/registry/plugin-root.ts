import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');

/**
 * A folder of plugins outside the project, where `batchwright/plugin` and `#schemas/…` resolve as inside. It
 * is removed when the test ends.
 */
export async function makePluginRoot(
  t: { after(fn: () => Promise<void>): void },
  files: Record<string, string>,
): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'batchwright-plugins-'));
  t.after(() => rm(root, { recursive: true }));
  const manifest = { type: 'module', imports: { '#schemas/*': './schemas/*' } };
  await writeFile(join(root, 'package.json'), JSON.stringify(manifest));
  await mkdir(join(root, 'node_modules'));
  await symlink(PROJECT, join(root, 'node_modules/batchwright'));
  await writeFiles(root, files);
  return root;
}

/** By path below `root`. */
export async function writeFiles(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}
