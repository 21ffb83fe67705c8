/** Paths of the API with an id in them. */

/** The path of a batch. Throws a TypeError for an id that would lead elsewhere. */
export function batchPath(asyncId: string): string {
  return `/v1/batches/${pathSegment('asyncId', asyncId)}`;
}

/** A value as one segment of a path. Throws like `requireName`. */
export function pathSegment(member: string, value: string): string {
  requireName(member, value);
  return encodeURIComponent(value);
}

/**
 * Throws a TypeError, about the `member`, for a value that would lead to another path: an empty text, and the names of
 * this folder and of the one above.
 */
export function requireName(member: string, value: string): void {
  if (typeof value === 'string' && !['', '.', '..'].includes(value)) return;
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new TypeError(`${member} must be a text that names something, not ${given}`);
}
