import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    /** The entry's name. */
    name: { type: 'string' },
    /** How many runs fail, after the entry was written. */
    failures: { type: 'integer' },
    /** Fails for good. */
    fatal: { type: 'boolean' },
    /** Its database connection is ended. */
    cuts: { type: 'boolean' },
    /** A statement fails, and the action ignores it. */
    breaks: { type: 'boolean' },
    /** Reports half of its progress, then waits for the gate. */
    gate: { type: 'string' },
  },
} as const satisfies JSONSchema;
export type Post = FromSchema<typeof params>;
