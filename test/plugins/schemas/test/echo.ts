import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  properties: { n: { type: 'integer' } },
} as const satisfies JSONSchema;
export type Echo = FromSchema<typeof params>;
