import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { options } from './lib/options.ts';

export const params = {
  type: 'object',
  required: ['participant_import_id', 'asyncId', 'created_by_id'],
  additionalProperties: false,
  properties: {
    participant_import_id: recordId,
    ...options,
    // The batch whose one job applies the import.
    asyncId: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    // The id of the API key.
    created_by_id: { type: 'string', minLength: 1, maxLength: 255, format: 'one-line' },
  },
} as const satisfies JSONSchema;
export type CreateImportAction = FromSchema<typeof params>;
