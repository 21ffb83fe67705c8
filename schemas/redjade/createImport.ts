import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { externalEventId, upload } from './lib/options.ts';

export const params = {
  type: 'object',
  required: ['upload', 'external_event_id', 'row_count'],
  additionalProperties: false,
  properties: {
    upload,
    external_event_id: externalEventId,
    row_count: { type: 'integer', minimum: 0, maximum: 100_000 },
  },
} as const satisfies JSONSchema;
export type CreateImport = FromSchema<typeof params>;
