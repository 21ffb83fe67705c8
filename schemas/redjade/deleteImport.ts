import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';

export const params = {
  type: 'object',
  required: ['participant_import_id'],
  additionalProperties: false,
  properties: { participant_import_id: recordId },
} as const satisfies JSONSchema;
export type DeleteImport = FromSchema<typeof params>;
