import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';

export const params = {
  type: 'object',
  required: ['event', 'contacts'],
  additionalProperties: false,
  properties: {
    event: recordId,
    // A job's response may have 1 MiB, and two links with a long public address take up to 500 bytes.
    contacts: { type: 'array', maxItems: 2000, items: recordId },
  },
} as const satisfies JSONSchema;
export type InviteContacts = FromSchema<typeof params>;
