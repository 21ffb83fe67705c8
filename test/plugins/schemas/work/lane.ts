import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: { gate: { type: 'string' } },
} as const satisfies JSONSchema;
export type Gated = FromSchema<typeof params>;
