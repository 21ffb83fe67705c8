import type { FromSchema, JSONSchema } from '../../../../src/plugin/index.ts';

export const params = { type: 'object', additionalProperties: false } as const satisfies JSONSchema;
export type Sleep = FromSchema<typeof params>;
