import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { participantId } from './lib/participant.ts';

export const params = {
  type: 'object',
  required: ['id'],
  additionalProperties: false,
  properties: { id: participantId },
} as const satisfies JSONSchema;
export type GetParticipant = FromSchema<typeof params>;
