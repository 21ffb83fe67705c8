import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { has, ONE_LINE, recordId, TIMESTAMP } from '#schemas/lib/fields.ts';

const name = { type: 'string', minLength: 1, maxLength: 255, format: ONE_LINE } as const;

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    // iVvy's .NET client sends ids as text.
    id: { ...recordId, type: ['integer', 'string'], pattern: '^[1-9]\\d{0,14}$' },
    firstName: name,
    lastName: name,
    email: { type: 'string', format: 'email', maxLength: 254 },
    phone: { type: ['string', 'null'], maxLength: 50, format: ONE_LINE },
    // 1 subscribed, 2 unsubscribed. Others of iVvy are not kept.
    status: { type: 'integer', enum: [1, 2] },
    externalId: { type: ['string', 'null'], minLength: 1, maxLength: 255, format: ONE_LINE },
    updateIfExists: { type: 'boolean' },
    // The .NET client always sends the first, and the dates of a contact that it has read. The dates are ours to set.
    isAnonymised: { const: false },
    createdDate: { type: 'string', format: TIMESTAMP },
    modifiedDate: { type: 'string', format: TIMESTAMP },
  },
  // With an id the job finds out whether the contact is new.
  if: has('id'),
  else: has('firstName', 'lastName', 'email'),
} as const satisfies JSONSchema;
export type AddOrUpdateContact = FromSchema<typeof params>;
