import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { externalEventId } from './lib/options.ts';

export const params = {
  type: 'object',
  required: ['external_event_id'],
  additionalProperties: false,
  properties: {
    external_event_id: externalEventId,
    start: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    perPage: { type: 'integer', minimum: 1, maximum: 1000 },
  },
} as const satisfies JSONSchema;
export type ListParticipants = FromSchema<typeof params>;
