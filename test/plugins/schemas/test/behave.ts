import type { FromSchema, JSONSchema } from 'batchwright/plugin';

/** What a job of `test.behave` does, in the order of the properties. */
export const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    /** Returned in the response. */
    n: { type: 'integer' },
    /** A row of `test.effect`, which counts the runs. */
    effect: { type: 'string' },
    /** Milliseconds to wait; the signal ends the wait early. */
    waitMs: { type: 'number', minimum: 0 },
    /** Waits until a row of `test.gate` with this name exists. */
    gate: { type: 'string' },
    /** Fails while `attempt` is at most this. */
    failUntilAttempt: { type: 'integer' },
    /** Fails for good. */
    fatal: { type: 'string' },
    /** Reported progress. */
    progress: { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 },
  },
} as const satisfies JSONSchema;
export type Behave = FromSchema<typeof params>;
