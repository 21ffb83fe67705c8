import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';

export const params = {
  type: 'object',
  required: ['id'],
  additionalProperties: false,
  properties: { id: recordId },
} as const satisfies JSONSchema;
export type GetContact = FromSchema<typeof params>;
