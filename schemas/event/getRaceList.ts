import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { page } from '#schemas/lib/lists.ts';

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: { eventId: recordId, ...page },
} as const satisfies JSONSchema;
export type GetRaceList = FromSchema<typeof params>;
