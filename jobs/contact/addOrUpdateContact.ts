/**
 * `contact.addOrUpdateContact` `{"id"?, "firstName", "lastName", "email", "phone"?, "status"?, "externalId"?,
 * "updateIfExists"?}` → `{"id"}` (docs/systems.md, iVvy).
 *
 * - Without an id firstName, lastName and email are required, and a contact is added. It gets the tenant's next
 *   id, which is higher than every id generated before, and than every given id up to 2^52; higher given ids are
 *   skipped. So callers cannot use up the ids. With `updateIfExists` the contact of the same names and e-mail
 *   address, compared without case, is updated instead; of several, the one with the lowest id.
 * - With an id what is sent is updated. An id that does not exist is kept: that contact is added, and the three
 *   are required.
 * - An absent field leaves the stored value; null clears `phone` and `externalId`. The status of a new contact is
 *   1, subscribed. With the status 2, unsubscribed, a contact gets no more invitations.
 * - Contacts of one batch are stored together, in one statement, as if one after the other: of two jobs with one
 *   id the later wins.
 */
import { defineAction, type Sql } from 'batchwright/plugin';
import type { AddOrUpdateContact } from '#schemas/contact/addOrUpdateContact.ts';
import { lockCounter, takeIds } from './lib/contact-ids.ts';
import { planContacts } from './lib/contact-plan.ts';
import { type ContactRequest, hasAllNames, requestOf } from './lib/contact-request.ts';
import { findContacts, findIdsByNames, storeContacts } from './lib/contact-rows.ts';

export default defineAction<AddOrUpdateContact>({
  summary: 'Add a contact, or update the one with the id',
  example: { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0000' },
  transactional: true,
  failsAlone: true,
  async runMany(jobs, { sql, tenant }) {
    const requests = jobs.map(({ params }) => requestOf(params));
    const plan = planContacts(requests, await storedContacts(sql, tenant, requests));
    const newIds = await takeIds(sql, tenant, plan.ids, plan.added);
    await storeContacts(sql, tenant, plan.rows(newIds));
    return plan.outcomes(newIds);
  },
});

/** The stored contacts that the requests may mean. Takes no statement when all of them add one. */
async function storedContacts(sql: Sql, tenant: string, requests: readonly ContactRequest[]) {
  const ids = requests.flatMap(({ id }) => id ?? []);
  const names = requests.map(namesToFind);
  const asksForNames = names.some((one) => one !== undefined);
  if (ids.length === 0 && !asksForNames) return { contacts: [], idsByNames: new Map<number, number>() };

  await lockCounter(sql, tenant);
  const idsByNames = asksForNames ? await findIdsByNames(sql, tenant, names, ids) : new Map<number, number>();
  const contacts = await findContacts(sql, tenant, [...new Set([...ids, ...idsByNames.values()])]);
  return { contacts, idsByNames };
}

/** The names of the contact to update, if there is one; undefined for a request that does not ask for that. */
function namesToFind({ id, updatesExisting, fields }: ContactRequest) {
  return id === undefined && updatesExisting && hasAllNames(fields) ? fields : undefined;
}
