import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['how'],
  additionalProperties: false,
  properties: { how: { enum: ['exit', 'block', 'memory', 'throw'] } },
} as const satisfies JSONSchema;
export type Harm = FromSchema<typeof params>;
