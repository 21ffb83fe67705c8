/** How errors at the start name files, and which files in plugin folders are ignored. */
import { isAbsolute, relative } from 'node:path';

/**
 * The file's name in errors: relative to the working directory if it is below it, so that the project's own
 * files read `jobs/…`; otherwise the whole path.
 */
export function placeOf(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path;
}

const INCIDENTAL = [
  // Made by editors and systems: hidden files, backups, locks.
  /^\./,
  /~$/,
  /^#.*#$/,
  /\.(bak|orig|rej|tmp|swo|swp)$/i,
  /^(desktop\.ini|thumbs\.db)$/i,
  // Made by people.
  /\.(md|txt)$/i,
  /^(changelog|licen[cs]e|notice|readme)$/i,
];

/** True for files that may be in any folder and are not part of a plugin. */
export function isIncidental(name: string): boolean {
  return INCIDENTAL.some((pattern) => pattern.test(name));
}
