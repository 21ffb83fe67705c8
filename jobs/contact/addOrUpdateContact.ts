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
import { defineAction } from 'batchwright/plugin';
import type { AddOrUpdateContact } from '#schemas/contact/addOrUpdateContact.ts';
import { lockCounter, takeIds } from './lib/contact-ids.ts';
import { planContacts, type StoredContacts } from './lib/contact-plan.ts';
import { type ContactRequest, hasAllNames, requestOf } from './lib/contact-request.ts';
import { findByNames, findNames, storeContacts } from './lib/contact-rows.ts';

const NOTHING_STORED: StoredContacts = { byId: [], byNames: new Map() };

export default defineAction<AddOrUpdateContact>({
  summary: 'Add a contact, or update the one with the id',
  example: { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0000' },
  transactional: true,
  failsAlone: true,
  async runMany(jobs, { sql, tenant }) {
    const requests = jobs.map(({ params }) => requestOf(params));
    const ids = requests.flatMap(({ id }) => id ?? []);
    const lookups = requests.map(namesToFind);
    // Most batches name no stored contact that must be known beforehand, and need no further statements.
    const dependsOnStored = requests.some(isPartial) || lookups.some((names) => names !== undefined);
    if (dependsOnStored) await lockCounter(sql, tenant);
    const stored = dependsOnStored
      ? {
          byId: await findNames(sql, tenant, ids),
          byNames: await findByNames(sql, tenant, lookups, ids),
        }
      : NOTHING_STORED;

    const plan = planContacts(requests, stored);
    const newIds = await takeIds(sql, tenant, plan.ids, plan.added);
    await storeContacts(sql, tenant, plan.rows(newIds));
    return plan.outcomes(newIds);
  },
});

function isPartial({ id, fields }: ContactRequest): boolean {
  return id !== undefined && !hasAllNames(fields);
}

/** The names of the contact to update, if there is one; undefined for a request that does not ask for that. */
function namesToFind({ id, updatesExisting, fields }: ContactRequest) {
  return id === undefined && updatesExisting && hasAllNames(fields) ? fields : undefined;
}
