import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';

export const params = {
  type: 'object',
  required: ['eventId'],
  additionalProperties: false,
  properties: {
    eventId: recordId,
    start: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    perPage: { type: 'integer', minimum: 1, maximum: 1000 },
  },
} as const satisfies JSONSchema;
export type GetInvitedContactList = FromSchema<typeof params>;
