/**
 * `event.answerInvitation` `{"token", "response": "Y"|"N"}` → `{"contact", "event", "response"}`: records the
 * contact's answer, or changes it. The invitation links (routes.ts) use it. An unknown token fails the job
 * with 404.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { AnswerInvitation } from '#schemas/event/answerInvitation.ts';
import { recordResponse } from './lib/invitation-rows.ts';

export default defineAction<AnswerInvitation>({
  summary: 'Record the answer to an invitation',
  example: { token: '0123456789abcdef0123456789abcdef', response: 'Y' },
  async run({ token, response }, { sql, tenant }) {
    const recorded = await recordResponse(sql, tenant, token, response);
    if (!recorded) throw new NonRetryableError('There is no such invitation', { errorCode: 404 });
    return recorded;
  },
});
