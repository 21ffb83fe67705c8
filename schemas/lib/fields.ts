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
