import type { JSONSchema } from 'batchwright/plugin';

export const params = { type: 'object', additionalProperties: false } as const satisfies JSONSchema;
