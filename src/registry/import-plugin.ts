import { pathToFileURL } from 'node:url';

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
    if ((error as NodeJS.ErrnoException)?.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    if (!isTsxRegistered) (await import('tsx/esm/api')).register();
    isTsxRegistered = true;
    // The failure is remembered under the file's own address.
    return await import(`${href}?compiled`);
  }
}
