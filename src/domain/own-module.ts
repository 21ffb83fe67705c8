/** Our own files that run as processes or threads, and plugins of ours: TypeScript in a clone, JavaScript in the package. */
import { extname } from 'node:path';

/** `.ts` in a clone, `.js` in the package. */
export const OWN_EXTENSION = extname(import.meta.filename);

/**
 * @param path without its extension
 * @param from the `import.meta.url` that it is relative to
 */
export function ownModule(path: string, from: string): URL {
  return new URL(`${path}${OWN_EXTENSION}`, from);
}
