import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { options } from './lib/options.ts';

export const params = {
  type: 'object',
  required: ['participant_import_id'],
  additionalProperties: false,
  properties: { participant_import_id: recordId, ...options },
} as const satisfies JSONSchema;
export type ApplyImport = FromSchema<typeof params>;
