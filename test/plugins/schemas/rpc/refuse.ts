import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['message'],
  additionalProperties: false,
  properties: {
    message: { type: 'string' },
    errorCode: { type: 'integer' },
    specificCode: { type: 'integer' },
    additionalMessages: { type: 'array', items: { type: 'string' } },
  },
} as const satisfies JSONSchema;
export type Refuse = FromSchema<typeof params>;
