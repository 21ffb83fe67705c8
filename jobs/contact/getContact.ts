/**
 * `contact.getContact` `{"id"}` → the contact, as in `contact.getContactList` (docs/systems.md, iVvy). An unknown
 * id fails the job with 404.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { GetContact } from '#schemas/contact/getContact.ts';
import { conditionsOf } from '../lib/lists.ts';
import { CONTACT_COLUMNS, listContacts } from './lib/contact-list-rows.ts';

/** iVvy's code for a contact that does not exist. */
const UNKNOWN_CONTACT = 24096;

export default defineAction<GetContact>({
  summary: 'Return a contact',
  example: { id: 1 },
  async run({ id }, { sql, tenant }) {
    const conditions = conditionsOf({ id }, CONTACT_COLUMNS, [tenant]);
    const [contact] = await listContacts(sql, conditions, { start: 0, perPage: 1 });
    if (!contact)
      throw new NonRetryableError(`There is no contact ${id}`, {
        errorCode: 404,
        specificCode: UNKNOWN_CONTACT,
      });
    return contact;
  },
});
