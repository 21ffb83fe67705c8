import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['what'],
  additionalProperties: false,
  properties: {
    what: { enum: ['revoked', 'getter', 'bare', 'frozen', 'nothing', 'spiteful'] },
    /** How it throws: at once, as a rejection, or as an unhandled rejection beside a response. */
    how: { enum: ['throw', 'reject', 'forget'] },
  },
} as const satisfies JSONSchema;
export type Throw = FromSchema<typeof params>;
