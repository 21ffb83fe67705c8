import type { JobContext, Mail } from 'batchwright/plugin';
import { type InvitationLinks, invitationLinks, invitationMail } from './invitation-mail.ts';
import { type Invitation, markMailed } from './invitation-rows.ts';

/** Mails sent at once: as many as the mailer has connections. */
const LANES = 5;
/**
 * After this many consecutive failures the server, not an address, is the cause: the rest waits for the next
 * run.
 */
const MAX_FAILURES_IN_A_ROW = 10;

/**
 * Mails the invitations and marks each as mailed when the server has accepted it, so that a later run does
 * not mail it again. A refused mail does not delay the others.
 *
 * @throws Error when a mail could not be sent, or the signal's reason when aborted; a later run continues
 */
export async function mailInvitations(
  invitations: readonly Invitation[],
  event: { id: number; title: string },
  send: (mail: Mail) => Promise<void>,
  { sql, tenant, services, signal, log, progress }: JobContext,
): Promise<void> {
  const queue = invitations.values();
  const failures: Error[] = [];
  let failuresInARow = 0;
  let done = 0;

  async function lane(): Promise<void> {
    for (const invitation of queue) {
      if (signal.aborted || failuresInARow >= MAX_FAILURES_IN_A_ROW) return;
      const links: InvitationLinks = invitationLinks(services.publicUrl, tenant, invitation.token);
      const error = await send(invitationMail(invitation, event.title, links)).then(() => null, toError);
      if (error) {
        failures.push(error);
        failuresInARow += 1;
        log.warn({ contact: invitation.contactId, error: error.message }, 'an invitation was not mailed');
        continue;
      }
      failuresInARow = 0;
      await markMailed(sql, tenant, event.id, invitation.contactId);
      progress(++done, invitations.length);
    }
  }

  // All lanes must end before the run does: otherwise one could overlap with the next run.
  const ended = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  signal.throwIfAborted();
  if (failures[0])
    throw new Error(
      `${invitations.length - done} of ${invitations.length} invitations were not mailed: ${failures[0].message}`,
      { cause: failures[0] },
    );
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
