import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['times'],
  additionalProperties: false,
  properties: { times: { type: 'integer' }, beside: { type: 'integer' } },
} as const satisfies JSONSchema;
export type Die = FromSchema<typeof params>;
