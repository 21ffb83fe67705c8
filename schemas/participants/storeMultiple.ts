import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { participant } from '#schemas/lib/participant.ts';

export const params = {
  type: 'object',
  required: ['event_id', 'participants'],
  additionalProperties: false,
  properties: {
    event_id: recordId,
    participants: { type: 'array', maxItems: 100_000, items: participant },
  },
} as const satisfies JSONSchema;
export type StoreMultiple = FromSchema<typeof params>;
export type Participant = FromSchema<typeof participant>;
