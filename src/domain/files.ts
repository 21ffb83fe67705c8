/** How the start names files, and which files it leaves alone. */
import { isAbsolute, relative } from 'node:path';

/**
 * The file as an error names it: from the working directory where it is below that, so that the project's own
 * read `jobs/…`, else the whole path.
 */
export function placeOf(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path;
}

const INCIDENTAL = [
  // Of editors and systems: hidden files, backups, locks.
  /^\./,
  /~$/,
  /^#.*#$/,
  /\.(bak|orig|rej|tmp|swo|swp)$/i,
  /^(desktop\.ini|thumbs\.db)$/i,
  // Of people.
  /\.(md|txt)$/i,
  /^(changelog|licen[cs]e|notice|readme)$/i,
];

/** True for files that may lie in any folder and that nobody takes for a part of a plugin. */
export function isIncidental(name: string): boolean {
  return INCIDENTAL.some((pattern) => pattern.test(name));
}
