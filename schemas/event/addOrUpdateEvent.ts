import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { ONE_LINE, recordId } from '#schemas/lib/fields.ts';

const name = { type: 'string', minLength: 1, maxLength: 255, format: ONE_LINE } as const;

export const params = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    id: recordId,
    name,
    externalEventId: { type: ['string', 'null'], minLength: 1, maxLength: 255, format: ONE_LINE },
    races: {
      type: 'array',
      maxItems: 1000,
      items: {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: { id: recordId, name },
      },
    },
  },
} as const satisfies JSONSchema;
export type AddOrUpdateEvent = FromSchema<typeof params>;
