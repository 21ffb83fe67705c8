/**
 * The invitation links, for people without an API key: `GET /event/invitations/{tenant}/{token}/yes` (or
 * `/no`) records the answer through `event.answerInvitation` and shows a plain page. The token in the link
 * is what entitles to answer; beyond that the request may do nothing. The other link changes the answer.
 */
import { defineRoutes, NonRetryableError, type RouteCaller } from 'batchwright/plugin';
import type { Request, Response } from 'express';
import { page } from './lib/pages.ts';

const LINK = '/invitations/:tenant/:token/:answer';
const LINK_PATH = /^\/invitations\/([^/]+)\/[^/]+\/[^/]+\/?$/;
const TOKEN = /^[0-9a-f]{32}$/;
/** What a tenant may be called; nothing else is looked up. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

const ANSWERS = new Map<string, { response: 'Y' | 'N'; message: string }>([
  ['yes', { response: 'Y', message: 'Thank you. Your answer is recorded: you are coming.' }],
  ['no', { response: 'N', message: 'Thank you. Your answer is recorded: you are not coming.' }],
]);

export default defineRoutes({
  prefix: '/event',
  authenticate,
  routes(router, tools) {
    // Link checkers ask with HEAD, which express would hand to the GET route: it must not be an answer.
    router.head(LINK, (_request, response) => void response.end());

    router.get(LINK, async (request, response) => {
      const token = String(request.params.token);
      const answer = ANSWERS.get(String(request.params.answer));
      if (!answer || !TOKEN.test(token)) return unknownInvitation(response);
      try {
        await tools.call(request, 'event.answerInvitation', { token, response: answer.response });
      } catch (error) {
        if (error instanceof NonRetryableError && error.options.errorCode === 404)
          return unknownInvitation(response);
        tools.log.error({ err: error }, 'the answer to an invitation was not recorded');
        return show(
          response,
          503,
          'Please try again',
          'Your answer was not recorded. Please open the link again later.',
        );
      }
      show(response, 200, 'Your answer', answer.message);
    });
  },
});

/** Every link is let in as its tenant's; whether the token is one of an invitation, the action finds out. */
function authenticate(request: Request): RouteCaller | null {
  const tenant = decoded(LINK_PATH.exec(request.path)?.[1]);
  if (tenant === null || !TENANT.test(tenant)) return null;
  return { tenant, keyId: 'invitation', permissions: ['event.answerInvitation'] };
}

function decoded(segment: string | undefined): string | null {
  if (segment === undefined) return null;
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

function unknownInvitation(response: Response): void {
  show(response, 404, 'Unknown invitation', 'There is no such invitation. Please check the link.');
}

function show(response: Response, status: number, title: string, message: string): void {
  response.status(status).set('Cache-Control', 'no-store').type('html').send(page(title, message));
}
