/** The description of the invitation links in `/openapi.json`. */
import type { RouteDocument } from 'batchwright/plugin';
import { params } from '#schemas/event/answerInvitation.ts';
import { answer, inPath, json, ref } from '../../lib/openapi.ts';

const html = { 'text/html': { schema: { type: 'string' } } };
const responses = (page: string) => ({
  200: answer(page, html),
  404: answer('There is no such invitation.', html),
  503: answer('Something went wrong; the link works again later.', html),
  default: answer('An error, such as 429 after too many requests.', {
    ...html,
    ...json(ref('Error'), { errorCode: 429, message: 'Too many requests' }),
  }),
});

export const document: RouteDocument = {
  paths: {
    '/invitations/{tenant}/{token}/{answer}': {
      parameters: [
        inPath('tenant', 'The tenant that sent the invitation.', { type: 'string', maxLength: 63 }),
        inPath('token', 'The right to answer this invitation.', params.properties.token),
        inPath('answer', 'The answer that the link stands for.', { enum: ['yes', 'no'] }),
      ],
      get: {
        operationId: 'event.showInvitation',
        tags: ['event'],
        summary: 'Show the page behind an invitation link; this changes nothing',
        security: [],
        responses: responses('A page with a button that posts to the same address.'),
      },
      post: {
        operationId: 'event.recordAnswer',
        tags: ['event'],
        summary: "Record the contact's answer to an invitation, and show that it is recorded",
        security: [],
        responses: responses('The answer is recorded.'),
      },
    },
  },
};
