import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { participantType, uniqueCode } from './lib/participant.ts';

export const params = {
  type: 'object',
  required: ['type'],
  additionalProperties: false,
  properties: {
    type: participantType,
    // The list goes on after this one.
    after: uniqueCode,
    limit: { type: 'integer', minimum: 1, maximum: 100 },
  },
} as const satisfies JSONSchema;
export type ListParticipants = FromSchema<typeof params>;
