/** Fields shared by the schemas of several namespaces. */
import type { JSONSchema } from 'batchwright/plugin';

/**
 * The id of an event, a race or a contact: the range that a `bigint` column and a JavaScript number both
 * store exactly.
 */
export const recordId = {
  type: 'integer',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
} as const satisfies JSONSchema;

/** The format of text that Postgres can store: without U+0000 and without half of a surrogate pair. */
export const STORABLE = 'storable';

/**
 * The format of storable text on one line: without control characters, so that it can be part of a mail's
 * header.
 */
export const ONE_LINE = 'one-line';

/** The format of a date and time in UTC: `2026-11-25 22:47:42 UTC`, or without the ` UTC`. */
export const TIMESTAMP = 'utc-timestamp';

/** A condition on an object: all of these members are there. Strict schemas declare each required member. */
export function has<const Names extends readonly string[]>(...names: Names) {
  return { required: names, properties: Object.fromEntries(names.map((name) => [name, true])) } as const;
}
