/**
 * The invitation links, for people without an API key: `GET /event/invitations/{tenant}/{token}/yes` (or
 * `/no`) shows a page with a button, and the button's POST to the same address records the answer through
 * `event.answerInvitation`. Opening a link changes nothing, because mail scanners and previewers open links
 * too. The token in the link gives the right to answer, and no other right. The other link changes the
 * answer.
 */
import { defineRoutes, type RouteCaller, type RouteTools } from 'batchwright/plugin';
import type { Request, Response } from 'express';
import { findInvitation } from './lib/invitation-rows.ts';
import { PAGE_POLICY, page } from './lib/pages.ts';

const LINK = '/invitations/:tenant/:token/:answer';
/** Links may arrive incomplete: mail programs cut them. */
const LINK_PATH = /^\/invitations\/([^/]+)(?:\/|$)/;
const TOKEN = /^[0-9a-f]{32}$/;
/** The allowed form of a tenant's name; other names are not looked up. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

interface Answer {
  response: 'Y' | 'N';
  button: string;
  recorded: string;
}

const ANSWERS = new Map<string, Answer>([
  [
    'yes',
    {
      response: 'Y',
      button: 'Yes, I am coming',
      recorded: 'Thank you. Your answer is recorded: you are coming.',
    },
  ],
  [
    'no',
    {
      response: 'N',
      button: 'No, I am not coming',
      recorded: 'Thank you. Your answer is recorded: you are not coming.',
    },
  ],
]);
const SO_FAR = {
  U: 'You are invited. Please confirm your answer.',
  Y: 'You have answered that you are coming.',
  N: 'You have answered that you are not coming.',
};

const openapi = async () => (await import('./lib/openapi.ts')).document;

export default defineRoutes({
  prefix: '/event',
  authenticate,
  openapi,
  routes(router, tools) {
    const forPeople = (handle: (request: Request, response: Response) => Promise<void>) => {
      return (request: Request, response: Response) =>
        handle(request, response).catch((error: unknown) => {
          tools.log.error({ err: error }, 'the page of an invitation was not shown');
          show(
            response,
            503,
            page('Please try again', 'Something went wrong. Please open the link again later.'),
          );
        });
    };

    router.get(
      LINK,
      forPeople(async (request, response) => {
        const asked = await askedOf(request, tools);
        if (!asked) return unknownInvitation(response);
        show(response, 200, page(asked.event, SO_FAR[asked.given], asked.answer.button));
      }),
    );

    router.post(
      LINK,
      forPeople(async (request, response) => {
        const asked = await askedOf(request, tools);
        if (!asked) return unknownInvitation(response);
        const { token, answer, given } = asked;
        // An answer that is already recorded is not stored again.
        if (given !== answer.response)
          await tools.call(request, 'event.answerInvitation', { token, response: answer.response });
        show(response, 200, page('Your answer', answer.recorded));
      }),
    );

    router.all(LINK, (_request, response) => {
      response.set('Allow', 'GET, HEAD, POST');
      show(response, 405, page('Invitation', 'Please open the link in a browser.'));
    });
    router.all('/invitations/*rest', (_request, response) => unknownInvitation(response));
  },
});

/** Accepts every link that names a tenant, as that tenant; the routes check the token. */
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

/** The invitation of the link, with the link's answer and the current one; null when there is none. */
async function askedOf({ params }: Request, { sql }: RouteTools) {
  const token = String(params.token);
  const answer = ANSWERS.get(String(params.answer));
  if (!answer || !TOKEN.test(token)) return null;
  const invitation = await findInvitation(sql, String(params.tenant), token);
  return invitation && { token, answer, event: invitation.event, given: invitation.response };
}

function unknownInvitation(response: Response): void {
  show(response, 404, page('Unknown invitation', 'There is no such invitation. Please check the link.'));
}

function show(response: Response, status: number, html: string): void {
  response
    .status(status)
    .set({ 'Cache-Control': 'no-store', 'Content-Security-Policy': PAGE_POLICY })
    .type('html')
    .send(html);
}
