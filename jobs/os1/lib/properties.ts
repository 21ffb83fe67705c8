/** The properties of a participant, as JSON text. */
import { parseExact } from './exact-json.ts';

/** Of one participant: a page of them is read into memory. */
export const MAX_PROPERTIES_BYTES = 256 * 1024;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The stored properties with those of the change: each member of the change replaces the stored one of its name. */
export function mergeProperties(stored: string, change: string): string {
  return JSON.stringify({ ...(parseExact(stored) as object), ...(parseExact(change) as object) });
}
