import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = { type: 'object', additionalProperties: false } as const satisfies JSONSchema;
export type SleepPost = FromSchema<typeof params>;
