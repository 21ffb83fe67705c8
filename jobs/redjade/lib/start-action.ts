/** Starts actions and reads them, for both routes. */
import type { RouteTools } from 'batchwright/plugin';
import type { Request } from 'express';
import { findAction, type StoredAction, shownAction } from './action-rows.ts';
import type { Options } from './options.ts';

/** Submits the batch whose one job is the action. Returns the action as callers see it. */
export async function startAction(
  request: Request,
  { submit, call, callerOf }: RouteTools,
  importId: number,
  options: Options,
): Promise<unknown> {
  const params = { participant_import_id: importId, ...options };
  const { asyncId } = await submit(request, {
    jobs: [{ namespace: 'redjade', action: 'applyImport', params }],
  });
  const { keyId } = callerOf(request);
  return call(request, 'redjade.createImportAction', { ...params, asyncId, created_by_id: keyId });
}

/**
 * The action as callers see it. One whose job has ended without saying so has failed: the job was cancelled, its time
 * was over, or it ended its processes.
 */
export async function currentAction(
  request: Request,
  tools: RouteTools,
  action: StoredAction,
): Promise<unknown> {
  if (!isOpen(action)) return shownAction(action);
  const status = await tools.batch(request, action.asyncId);
  if (status && status.state !== 'completed' && status.state !== 'cancelled') return shownAction(action);
  // It may have ended between the two reads.
  const now = (await findAction(tools.sql, tools.callerOf(request).tenant, action.id)) ?? action;
  if (!isOpen(now)) return shownAction(now);
  const message = status ? await errorOf(request, tools, now) : 'The batch of the action is no longer there';
  return { ...shownAction(now), status: 'failed', errors: [{ message }] };
}

function isOpen({ status }: StoredAction): boolean {
  return status === 'pending' || status === 'started';
}

/** The message of the job's error. */
async function errorOf(request: Request, tools: RouteTools, action: StoredAction): Promise<string> {
  for await (const result of tools.results(request, action.asyncId)) {
    const { index, response } = result as { index: number; response: { message?: unknown } | null };
    if (index === action.jobIndex && typeof response?.message === 'string') return response.message;
  }
  return 'The job of the action was cancelled';
}
