/**
 * `contact.addOrUpdateContact` `{"id"?, "firstName", "lastName", "email", "phone"?, "optedOut"?}` → `{"id"}`
 * (docs/systems.md, iVvy).
 *
 * - An id that the caller gives is kept: that contact is added or updated. Without an id a contact is added
 *   and gets the tenant's next id. It is higher than every id generated before, and than every given id up to
 *   2^52; higher given ids are skipped. So callers cannot use up the ids.
 * - An absent optional field leaves the stored value; `phone: null` clears it.
 * - A contact with `optedOut: true` gets no more invitations.
 * - Contacts of one batch are stored together, in one statement; of two jobs with one id the later wins.
 */
import { defineAction } from 'batchwright/plugin';
import type { AddOrUpdateContact } from '#schemas/contact/addOrUpdateContact.ts';
import { takeIds } from './lib/contact-ids.ts';
import { type ContactRow, storeContacts } from './lib/contact-rows.ts';

export default defineAction<AddOrUpdateContact>({
  summary: 'Add a contact, or update the one with the id',
  example: { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0000' },
  transactional: true,
  async runMany(jobs, { sql, tenant }) {
    const given = jobs.flatMap(({ params }) => params.id ?? []);
    const newIds = (await takeIds(sql, tenant, given, jobs.length - given.length)).values();
    const contacts = new Map<number, ContactRow>();
    const ids = jobs.map(({ params }) => {
      const id = params.id ?? (newIds.next().value as number);
      contacts.set(id, { ...contacts.get(id), ...params, id });
      return id;
    });
    await storeContacts(sql, tenant, [...contacts.values()]);
    return ids.map((id) => ({ id }));
  },
});
