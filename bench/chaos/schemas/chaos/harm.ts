import type { FromSchema, JSONSchema } from '../../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['how'],
  additionalProperties: false,
  properties: { how: { enum: ['exit', 'loop', 'memory'] } },
} as const satisfies JSONSchema;
export type Harm = FromSchema<typeof params>;
