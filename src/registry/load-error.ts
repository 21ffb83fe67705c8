/** Explains why a plugin's file could not be loaded: where, why, and how to fix it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { placeOf } from '../domain/files.ts';
import { shown } from '../domain/shown.ts';

/**
 * @param thrown any value: a file may throw one that is not an Error, or that throws when it is read
 * @param file the file being loaded; when another one is at fault, the text names it
 */
export function explainLoadError(thrown: unknown, file: string): string {
  try {
    if (!types.isNativeError(thrown)) return `it threw ${shown(thrown)}`;
    return `${whereIn(thrown, file)}${thrown.message || thrown.name}${remedyOf(thrown)}`;
  } catch {
    return 'it threw an error that cannot be shown';
  }
}

/**
 * Node gives the place of a syntax error on the first line of the stack, that of other errors in the first
 * frame.
 */
const PLACES = [/^(file:\/\/\S+):(\d+)\n/, /^ +at .*?(file:\/\/[^\s()]+):(\d+):\d+\)?$/m];

function whereIn({ stack = '' }: Error, file: string): string {
  for (const place of PLACES) {
    const [, url, line] = place.exec(stack) ?? [];
    if (url === undefined) continue;
    const path = fileURLToPath(url.replace(/\?.*$/, ''));
    if (path.startsWith(import.meta.dirname)) return ''; // an error of Node is found where Node was called
    return path === file ? `line ${line}: ` : `${placeOf(path)}, line ${line}: `;
  }
  return '';
}

const NEEDS = 'see "Plugins in a folder of their own" in docs/plugins.md';

function remedyOf(error: Error): string {
  const { code, url, message } = error as NodeJS.ErrnoException & { url?: string };
  if (code === 'ERR_MODULE_NOT_FOUND' && url === undefined)
    return /^Cannot find package 'batchwright'/.test(message)
      ? `: package.json of that folder must name it (${NEEDS})`
      : ': run npm install in that folder';
  if (code === 'ERR_MODULE_NOT_FOUND' && existsSync(`${fileURLToPath(url ?? '')}.ts`))
    return ': an import names the whole file, with .ts';
  if (code === 'ERR_PACKAGE_IMPORT_NOT_DEFINED')
    return `: package.json of that folder must have "imports": { "#schemas/*": "./schemas/*" } (${NEEDS})`;
  if (/does not provide an export named/.test(message)) return ': is it a type? Then say import type';
  return '';
}
