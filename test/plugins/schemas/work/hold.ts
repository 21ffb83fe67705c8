import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['statements'],
  additionalProperties: false,
  properties: { statements: { type: 'array', items: { type: 'string' } } },
} as const satisfies JSONSchema;
export type Hold = FromSchema<typeof params>;
