import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: {},
} as const satisfies JSONSchema;
export type Ping = FromSchema<typeof params>;
