import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { ONE_LINE, recordId } from '#schemas/lib/fields.ts';

export const params = {
  type: 'object',
  required: ['firstName', 'lastName', 'email'],
  additionalProperties: false,
  properties: {
    id: recordId,
    firstName: { type: 'string', minLength: 1, maxLength: 255, format: ONE_LINE },
    lastName: { type: 'string', minLength: 1, maxLength: 255, format: ONE_LINE },
    email: { type: 'string', format: 'email', maxLength: 254 },
    phone: { type: ['string', 'null'], maxLength: 50, format: ONE_LINE },
    optedOut: { type: 'boolean' },
  },
} as const satisfies JSONSchema;
export type AddOrUpdateContact = FromSchema<typeof params>;
