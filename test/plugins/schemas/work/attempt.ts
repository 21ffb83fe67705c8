import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    /** Waits for the gate first. */
    gate: { type: 'string' },
    /** Does not heed its signal while it waits. */
    deaf: { type: 'boolean' },
    /** Meets a database that stops. */
    cuts: { type: 'boolean' },
    /** How many runs fail. */
    failures: { type: 'integer' },
    /** What their error says. */
    message: { type: 'string' },
    errorCode: { type: 'integer' },
    /** A RetryLaterError with this pause. */
    retryInSeconds: { type: 'number' },
    /** A NonRetryableError. */
    fatal: { type: 'boolean' },
  },
} as const satisfies JSONSchema;
export type Attempt = FromSchema<typeof params>;
