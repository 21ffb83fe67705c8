import { pathToFileURL } from 'node:url';
import { types } from 'node:util';

const NEEDS_COMPILING = 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';

let endTsx: (() => Promise<void>) | undefined;

/**
 * Imports a plugin's file. Node runs TypeScript by removing the types. A plugin may also use syntax that
 * cannot be removed (enums, parameter properties): tsx compiles it then, which costs a start about 200 ms and
 * is done only where needed.
 */
export async function importPlugin(file: string): Promise<Record<string, unknown>> {
  const { href } = pathToFileURL(file);
  try {
    return await import(href);
  } catch (error) {
    // A file may throw any value, and only an Error has a code.
    if (!types.isNativeError(error) || !('code' in error) || error.code !== NEEDS_COMPILING) throw error;
    const { register } = await import('tsx/esm/api');
    endTsx ??= register();
    // The failure is cached under the file's own address.
    return await import(`${href}?compiled`);
  }
}

/** From now on this process compiles no further file: what it imports itself is its own affair again. */
export async function endCompiling(): Promise<void> {
  const end = endTsx;
  endTsx = undefined;
  await end?.();
}
