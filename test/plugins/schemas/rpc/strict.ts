import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['id', 'name'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    /** Only to make a job large. */
    padding: { type: 'string' },
    tags: {
      type: 'array',
      items: { type: 'object', required: ['label'], properties: { label: { type: 'string' } } },
    },
  },
} as const satisfies JSONSchema;
export type Strict = FromSchema<typeof params>;
