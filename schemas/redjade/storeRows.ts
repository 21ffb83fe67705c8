import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { upload } from './lib/options.ts';

export const params = {
  type: 'object',
  required: ['upload', 'first', 'rows'],
  additionalProperties: false,
  properties: {
    upload,
    // The number of the first row, from 0.
    first: { type: 'integer', minimum: 0, maximum: 99_999 },
    // The JSON text of each row; in place of a text that is too long its length.
    rows: { type: 'array', minItems: 1, maxItems: 1000, items: { type: ['string', 'integer'], minimum: 1 } },
  },
} as const satisfies JSONSchema;
export type StoreRows = FromSchema<typeof params>;
