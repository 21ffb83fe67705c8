import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = { type: 'object' } as const satisfies JSONSchema;
export type Special = FromSchema<typeof params>;
