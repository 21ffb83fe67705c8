import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';

export const params = {
  type: 'object',
  required: ['event_id'],
  additionalProperties: false,
  properties: {
    event_id: recordId,
    start: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    // A job's response may have 1 MiB, and a participant with long texts takes up to 4.5 KB.
    perPage: { type: 'integer', minimum: 1, maximum: 200 },
  },
} as const satisfies JSONSchema;
export type List = FromSchema<typeof params>;
