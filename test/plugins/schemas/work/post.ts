import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    /** The entry's. */
    name: { type: 'string' },
    /** How many runs fail, after the entry was written. */
    failures: { type: 'integer' },
    /** Fails for good. */
    fatal: { type: 'boolean' },
    /** Meets a database that stops. */
    cuts: { type: 'boolean' },
    /** A statement fails, and the action takes no notice. */
    breaks: { type: 'boolean' },
    /** Reports half of its progress, then waits for the gate. */
    gate: { type: 'string' },
  },
} as const satisfies JSONSchema;
export type Post = FromSchema<typeof params>;
