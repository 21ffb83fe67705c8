import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['token', 'response'],
  additionalProperties: false,
  properties: {
    token: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    response: { enum: ['Y', 'N'] },
  },
} as const satisfies JSONSchema;
export type AnswerInvitation = FromSchema<typeof params>;
