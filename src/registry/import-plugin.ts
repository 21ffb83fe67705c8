import { pathToFileURL } from 'node:url';
import { types } from 'node:util';

const NEEDS_COMPILING = 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';

let isTsxRegistered = false;

/**
 * Imports a plugin's file. Node runs TypeScript by leaving the types out; a plugin may use what cannot be
 * left out as well (enums, parameter properties), and is compiled by tsx then, which costs a start some
 * 200 ms and is spared where nothing needs it.
 */
export async function importPlugin(file: string): Promise<Record<string, unknown>> {
  const { href } = pathToFileURL(file);
  try {
    return await import(href);
  } catch (error) {
    // What a file throws may be anything, and only an Error can be asked for its code.
    if (!types.isNativeError(error) || !('code' in error) || error.code !== NEEDS_COMPILING) throw error;
    if (!isTsxRegistered) (await import('tsx/esm/api')).register();
    isTsxRegistered = true;
    // The failure is remembered under the file's own address.
    return await import(`${href}?compiled`);
  }
}
