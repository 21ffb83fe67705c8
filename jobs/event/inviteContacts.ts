/**
 * `event.inviteContacts` `{"event": 4, "contacts": [1, 2]}` → `{"results": [{"contact": 1, "status": true,
 * "inviteLinkYes", "inviteLinkNo"}, {"contact": 2, "status": false, "reason"}]}`, in the order of the request
 * (docs/systems.md, iVvy).
 *
 * - The status is false when a contact could not be invited. The reason (ours) is "unknown", "opted out" or
 *   "already invited": by another job, or earlier in the same request. An unknown event fails the job.
 * - The links contain a random token of 128 bits; each leads to a page that asks to confirm the answer
 *   (routes.ts).
 * - With a mail server configured each invitation is mailed too. When a mail is refused, the run fails and is
 *   repeated; invitations stay, and a mail that was sent is not sent again. A mail is sent twice, with the
 *   same Message-ID, only if a process dies or stalls between the server's 250 and our mark.
 *
 * Not transactional for that reason: the invitations are committed before the first mail is sent. A later run
 * recognises its own invitations by the job's idempotency key and returns the same links with a true status.
 */
import { randomBytes } from 'node:crypto';
import { defineAction } from 'batchwright/plugin';
import type { InviteContacts } from '#schemas/event/inviteContacts.ts';
import { eventTitle } from './lib/event-rows.ts';
import { invitationLinks } from './lib/invitation-mail.ts';
import { invite, invitedBy, refusals } from './lib/invitation-rows.ts';
import { mailInvitations } from './lib/mail-invitations.ts';

export default defineAction<InviteContacts>({
  summary: 'Invite contacts to an event',
  example: { event: 1, contacts: [1, 2, 3] },
  // Longer than sending a mail takes: mails that a timed-out run was still sending are marked by then.
  retry: { limit: 6, delaySeconds: 15 },
  timeoutSeconds: 600,
  async run({ event, contacts }, context) {
    const { sql, tenant, idempotencyKey, services } = context;
    const title = await eventTitle(sql, tenant, event);
    const distinct = [...new Set(contacts)];
    const asked = distinct.map((id) => ({ id, token: randomBytes(16).toString('hex') }));
    await invite(sql, tenant, event, idempotencyKey, asked);
    const invited = await invitedBy(sql, tenant, event, idempotencyKey, distinct);

    if (services.mail) {
      const unmailed = invited.filter((invitation) => invitation.unmailed);
      await mailInvitations(unmailed, { id: event, title }, services.mail, context);
    }

    const tokens = new Map(invited.map(({ contactId, token }) => [contactId, token]));
    const refused = distinct.filter((id) => !tokens.has(id));
    const reasons =
      refused.length > 0 ? await refusals(sql, tenant, event, refused) : new Map<number, never>();
    const results = contacts.map((contact) => {
      const token = tokens.get(contact);
      // The first mention is the invitation: a repeated contact is already invited.
      if (token === undefined)
        return { contact, status: false, reason: reasons.get(contact) ?? 'already invited' };
      tokens.delete(contact);
      const { yes, no } = invitationLinks(services.publicUrl, tenant, token);
      return { contact, status: true, inviteLinkYes: yes, inviteLinkNo: no };
    });
    return { results };
  },
});
