/** The batch's own RPC shape: `POST /batch?action=…`. */
import type { Request, RequestHandler, Response } from 'express';
import { isTerminal } from '../domain/batch.ts';
import { BatchwrightError } from '../domain/errors.ts';
import type { ResultStatus } from '../domain/outcome.ts';
import { type ControlDeps, cancel, repost, restart } from '../pipeline/control.ts';
import { type ResultSelection, readResults } from '../pipeline/read-results.ts';
import { batchStatus, requireBatch } from '../pipeline/status.ts';
import { type SubmitDeps, submit, validate } from '../pipeline/submit.ts';
import type { Log } from '../plugin/context.ts';
import { type BodyLimits, readEnvelope, readObject } from './body.ts';
import { callerOf } from './callers.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { sendStream } from './send-stream.ts';

export interface RpcDeps extends SubmitDeps, ControlDeps {
  bodyLimits: BodyLimits;
  log: Log;
}

type Handler = (deps: RpcDeps, request: Request, response: Response) => Promise<void>;

const ACTIONS: Record<string, { methods: string[]; handle: Handler }> = {
  run: {
    methods: ['POST'],
    async handle(deps, request, response) {
      const idempotencyKey = idempotencyKeyOf(request);
      const { events, digest } = readEnvelope(request, deps.bodyLimits);
      const asyncId = await submit(deps, { caller: callerOf(request), events, digest, idempotencyKey });
      deps.log.info({ asyncId }, 'batch taken');
      response.json({ asyncId });
    },
  },
  validate: {
    methods: ['POST'],
    async handle(deps, request, response) {
      await validate(deps, { caller: callerOf(request), ...readEnvelope(request, deps.bodyLimits) });
      response.json({ valid: true });
    },
  },
  progress: {
    methods: ['GET', 'POST'],
    async handle(deps, request, response) {
      const { asyncId } = await parametersOf(request);
      const { progress, ...status } = await batchStatus(deps.pool, callerOf(request), asyncId);
      response.json({ progress, ...status });
    },
  },
  results: { methods: ['GET', 'POST'], handle: sendResults },
  cancel: booleanAction('cancelled', cancel),
  restart: booleanAction('restarted', restart),
  repost: booleanAction('reposted', repost),
};

export function rpc(deps: RpcDeps): RequestHandler {
  return async (request, response) => {
    const name = request.query.action;
    const action = typeof name === 'string' && Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!action) throw unknownAction(name);
    if (!action.methods.includes(request.method)) {
      response.set('allow', action.methods.join(', '));
      throw new BatchwrightError('methodNotAllowed', {
        message: `This action is called with ${action.methods.join(' or ')}`,
      });
    }
    await action.handle(deps, request, response);
  };
}

function unknownAction(name: unknown): BatchwrightError {
  const known = Object.keys(ACTIONS).join(', ');
  const message =
    typeof name === 'string'
      ? `batch has no action ${name.slice(0, 100)}: it has ${known}`
      : `?action= is missing: batch has ${known}`;
  return new BatchwrightError('notJson', { message });
}

function booleanAction(
  answer: string,
  perform: (deps: ControlDeps, caller: ReturnType<typeof callerOf>, asyncId: unknown) => Promise<boolean>,
): { methods: string[]; handle: Handler } {
  return {
    methods: ['POST'],
    async handle(deps, request, response) {
      const { asyncId } = await parametersOf(request);
      response.json({ [answer]: await perform(deps, callerOf(request), asyncId) });
    },
  };
}

async function sendResults(deps: RpcDeps, request: Request, response: Response): Promise<void> {
  const parameters = await parametersOf(request);
  const batch = await requireBatch(deps.pool, callerOf(request), parameters.asyncId, 'resultsNotFound');
  const selection = resultSelection(parameters);
  if (!isTerminal(batch.state)) throw new BatchwrightError('notCompleted');
  response.type('application/json');
  await sendStream(response, readResults(deps.pool, batch, selection));
}

/** Ids and numbers may stand in the body or in the query, under either name. */
async function parametersOf(request: Request): Promise<Record<string, unknown>> {
  const body = await readObject(request);
  const given: Record<string, unknown> = { ...request.query, ...body };
  return { ...given, asyncId: given.async ?? given.asyncId };
}

const STATUSES: readonly string[] = ['succeeded', 'failed', 'cancelled'];

function resultSelection(given: Record<string, unknown>): ResultSelection {
  const status = given.status ?? undefined;
  if (status !== undefined && !STATUSES.includes(status as string))
    throw new BatchwrightError('badRequest', { message: `status must be one of ${STATUSES.join(', ')}` });
  return {
    start: wholeNumber('start', given.start, 0) ?? 0,
    perPage: wholeNumber('perPage', given.perPage, 1),
    status: status as ResultStatus | undefined,
  };
}

function wholeNumber(name: string, value: unknown, least: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number) || (number as number) < least || (number as number) > 2 ** 31 - 1)
    throw new BatchwrightError('badRequest', { message: `${name} must be a whole number from ${least}` });
  return number as number;
}
