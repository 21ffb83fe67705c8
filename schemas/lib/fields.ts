/** Fields that the schemas of several namespaces share. */
import type { JSONSchema } from 'batchwright/plugin';

/** An event's, race's or contact's id: what a `bigint` column and a JavaScript number both hold exactly. */
export const recordId = {
  type: 'integer',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
} as const satisfies JSONSchema;

/** The format of text that Postgres can store: neither U+0000 nor half of a surrogate pair. */
export const STORABLE = 'storable';

/** The format of storable text on one line: no control character, so that it can stand in a mail's header. */
export const ONE_LINE = 'one-line';
