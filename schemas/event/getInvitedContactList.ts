import { recordId } from '#schemas/lib/fields.ts';
import { type ListParams, listSchema } from '#schemas/lib/lists.ts';

/** What a filter may name, and how it compares. */
export const fields = {
  contactId: 'integer',
  firstName: 'text',
  lastName: 'text',
  email: 'text',
  phone: 'text',
  response: 'text',
  modifiedDate: 'date',
} as const;

export const params = listSchema(fields, { properties: { eventId: recordId }, required: ['eventId'] });
export interface GetInvitedContactList extends ListParams {
  eventId: number;
}
