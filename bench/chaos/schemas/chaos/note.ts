import type { FromSchema, JSONSchema } from '../../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: {
    n: { type: 'integer' },
    ms: { type: 'integer', minimum: 0 },
    file: { type: 'string' },
    bytes: { type: 'integer', minimum: 0 },
    padding: { type: 'string' },
    /** It fails for good. */
    fails: { type: 'boolean' },
    /** A value of another job's response, which it returns. */
    from: { type: 'integer' },
    /** What the checker expects: the job that `from` comes from, and the job because of which it is skipped. */
    fromJob: { type: 'integer' },
    skippedBy: { type: 'integer' },
  },
} as const satisfies JSONSchema;
export type Note = FromSchema<typeof params>;
