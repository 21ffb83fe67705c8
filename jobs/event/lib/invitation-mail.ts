import { createHash } from 'node:crypto';
import type { Mail } from 'batchwright/plugin';
import type { Invitation } from './invitation-rows.ts';

/** The two links of an invitation, absolute. */
export interface InvitationLinks {
  yes: string;
  no: string;
}

/** The links to the pages of routes.ts. */
export function invitationLinks(publicUrl: string, tenant: string, token: string): InvitationLinks {
  const base = `${publicUrl}/event/invitations/${encodeURIComponent(tenant)}/${token}`;
  return { yes: `${base}/yes`, no: `${base}/no` };
}

/** The mail of an invitation. Its id is a hash of the token, because replies and logs repeat ids. */
export function invitationMail(invitation: Invitation, event: string, links: InvitationLinks): Mail {
  const id = createHash('sha256').update(invitation.token).digest('hex');
  return {
    to: invitation.email,
    subject: `Invitation: ${event}`,
    text: [
      `Dear ${invitation.firstName} ${invitation.lastName},`,
      `you are invited to ${event}.`,
      `Yes, I am coming: ${links.yes}`,
      `No, I am not coming: ${links.no}`,
      'Open one of the links and confirm your answer there. To change it, open the other one.',
      '',
    ].join('\n\n'),
    messageId: `${id.slice(0, 32)}@${new URL(links.yes).hostname}`,
  };
}
