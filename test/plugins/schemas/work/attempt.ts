import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    /** Waits for the gate first. */
    gate: { type: 'string' },
    /** Ignores its signal while it waits. */
    deaf: { type: 'boolean' },
    /** Its database connection is ended. */
    cuts: { type: 'boolean' },
    /** How many runs fail. */
    failures: { type: 'integer' },
    /** The message of their error. */
    message: { type: 'string' },
    errorCode: { type: 'integer' },
    /** A RetryLaterError with this pause. */
    retryInSeconds: { type: 'number' },
    /** A NonRetryableError. */
    fatal: { type: 'boolean' },
  },
} as const satisfies JSONSchema;
export type Attempt = FromSchema<typeof params>;
