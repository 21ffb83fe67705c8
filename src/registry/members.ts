/** Checks the exports of a plugin's file: each member known, and of the right kind. */
import { nearestName } from '../domain/nearest-name.ts';
import { shown } from '../domain/shown.ts';

export interface Member {
  fits(value: unknown): boolean;
  /** Written after the member's name: `must be true or false`. */
  rule: string;
  required?: true;
}

/** Describes the first wrong member; null when all are right. An undefined member counts as absent. */
export function wrongMember(object: object, members: Record<string, Member>, prefix = ''): string | null {
  const known = Object.keys(members);
  for (const name of Object.keys(object))
    if (!known.includes(name)) return `${prefix}${name} is not known${nearest(name, known)}`;
  for (const [name, { fits, rule, required }] of Object.entries(members)) {
    const value = (object as Record<string, unknown>)[name];
    if (value === undefined ? required : !fits(value)) return `${prefix}${name} ${rule}${not(value)}`;
  }
  return null;
}

function nearest(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  return meant ? `: did you mean ${meant}?` : `: known names are ${known.join(', ')}`;
}

function not(value: unknown): string {
  return value === undefined ? '' : `, not ${shown(value)}`;
}

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
