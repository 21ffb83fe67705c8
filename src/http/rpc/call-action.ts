/** Runs a single action: `POST /api/1.0/{namespace}?action={action}` with the params as the body. */
import type { RequestHandler } from 'express';
import { errorPagePath } from '../../contract/error-pages.ts';
import { BatchwrightError, isErrorStatus } from '../../contract/errors.ts';
import { type CallActionDeps, callAction } from '../../pipeline/call/call-action.ts';
import { callerOf } from '../auth/callers.ts';
import { type BodyLimits, readParams } from '../body/body.ts';
import { heldBodyOf } from '../body/body-memory.ts';
import { idempotencyKeyOf } from '../body/idempotency-key.ts';
import { queryOf } from '../body/query.ts';

export function actionCall(
  deps: CallActionDeps & { bodyLimits: BodyLimits },
): RequestHandler<{ namespace: string }> {
  return async (request, response) => {
    if (request.method !== 'POST') {
      response.set('allow', 'POST');
      throw new BatchwrightError('methodNotAllowed', { message: 'An action is called with POST' });
    }
    const { action } = queryOf(request, ['action']);
    const { namespace } = request.params;
    if (action === undefined || action === '')
      throw new BatchwrightError('emptyJobs', { message: '?action= is missing' });
    const params = await readParams(request, deps.bodyLimits);
    // The body is stored now; its memory is no longer needed.
    heldBodyOf(request)?.release();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const caller = callerOf(request as Parameters<typeof callerOf>[0]);
    const result = await callAction(deps, caller, {
      namespace,
      action,
      params,
      signal: gone.signal,
      idempotencyKey: idempotencyKeyOf(request as Parameters<typeof idempotencyKeyOf>[0]),
    });
    response.set('x-async-id', result.asyncId);
    if (result.status === 'cancelled')
      throw new BatchwrightError('jobFailed', {
        message: 'The job was cancelled',
        extra: { asyncId: result.asyncId },
      });
    if (result.status === 'failed')
      response.status(statusOf(result.response)).links({ help: errorPagePath('jobFailed') });
    response.type('application/json').send(result.response);
  };
}

/** The HTTP status is the errorCode; an action may use codes that are not an HTTP status. */
function statusOf(error: string): number {
  const { errorCode } = (JSON.parse(error) ?? {}) as { errorCode?: unknown };
  return isErrorStatus(errorCode) ? errorCode : 500;
}
