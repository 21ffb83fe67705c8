import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LeftOut } from '../engines/engine.ts';

/**
 * A package of bench's own package.json. The project's `npm ci` does not install it, and the project's checks
 * must pass without it. So there is no static import, and the caller's type declares the used part.
 */
export async function importPeer<Module>(name: string): Promise<Module> {
  if ((await peerVersion(name)) === null)
    throw new LeftOut(`${name} is not installed: npm ci --prefix bench`);
  return import(name);
}

/** Null when it is not installed. */
export async function peerVersion(name: string): Promise<string | null> {
  const manifest = join(import.meta.dirname, '../node_modules', name, 'package.json');
  const text = await readFile(manifest, 'utf8').catch(() => null);
  return text && JSON.parse(text).version;
}
