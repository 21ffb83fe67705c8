/** What stopped a plugin's file from being loaded, in words: where, why, and what to do. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { placeOf } from '../domain/files.ts';
import { shown } from '../domain/shown.ts';

/**
 * @param thrown anything: what a file throws need not be an Error, and may throw when it is looked at
 * @param file that is being loaded; where another one is at fault, it is named
 */
export function explainLoadError(thrown: unknown, file: string): string {
  try {
    if (!types.isNativeError(thrown)) return `it threw ${shown(thrown)}`;
    return `${whereIn(thrown, file)}${thrown.message || thrown.name}${remedyOf(thrown)}`;
  } catch {
    return 'it threw an error that cannot be shown';
  }
}

/** Node tells the place of a syntax error on the first line of the stack, that of others in the first frame. */
const PLACES = [/^(file:\/\/\S+):(\d+)\n/, /^ +at .*?(file:\/\/[^\s()]+):(\d+):\d+\)?$/m];

function whereIn({ stack = '' }: Error, file: string): string {
  for (const place of PLACES) {
    const [, url, line] = place.exec(stack) ?? [];
    if (url === undefined) continue;
    const path = fileURLToPath(url.replace(/\?.*$/, ''));
    if (path.startsWith(import.meta.dirname)) return ''; // Node's fault is found where it is called
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
