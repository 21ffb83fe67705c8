/** The batch's own RPC shape: `POST /batch?action=…`. */
import type { Request, RequestHandler, Response } from 'express';
import { BatchwrightError, type ErrorName } from '../../contract/errors.ts';
import { hasEnded, isAsyncId } from '../../domain/batch.ts';
import { RESULT_STATUSES } from '../../domain/outcome.ts';
import { notKnown } from '../../domain/unknown-name.ts';
import { type ControlDeps, cancel, pause, repost, restart, resume } from '../../pipeline/control/control.ts';
import { rpcResults } from '../../pipeline/read/rpc-results.ts';
import { batchStatus, requireBatch } from '../../pipeline/read/status.ts';
import { type Checked, type SubmitDeps, submit, validate } from '../../pipeline/submit/submit.ts';
import type { TenantTurns } from '../../pipeline/submit/tenant-turns.ts';
import type { Log } from '../../plugin/context.ts';
import { callerOf } from '../auth/callers.ts';
import { type BodyLimits, readEnvelope } from '../body/body.ts';
import { idempotencyKeyOf } from '../body/idempotency-key.ts';
import { readMembers } from '../body/members.ts';
import { isTrue, oneOf, queryOf, wholeNumber } from '../body/query.ts';
import { readSelectionBody, SELECTION, selectionOf } from '../body/restart-selection.ts';
import { sendResults } from '../send-results.ts';

export interface RpcDeps extends SubmitDeps, ControlDeps {
  bodyLimits: BodyLimits;
  /** Limits how many results are sent at once. */
  resultTurns: TenantTurns;
  log: Log;
}

interface RpcAction {
  /** HEAD is included wherever GET is. */
  methods: readonly string[];
  /** The names allowed in the query and in the body. */
  parameters: readonly string[];
  /** How the body is read, when not as a small object. */
  read?: typeof readSelectionBody;
  handle(deps: RpcDeps, request: Request, response: Response, parameters: Parameters): Promise<void>;
}

type Parameters = Record<string, unknown>;

const POST = ['POST'];
const GET_OR_POST = ['GET', 'HEAD', 'POST'];
const ID = ['async', 'asyncId'];
const PARAMETERS = [...ID, 'start', 'perPage', 'status'];
/** The largest job number: Postgres stores it as an integer. */
const MAX_NUMBER = 2 ** 31 - 1;

const ACTIONS: Record<string, RpcAction> = {
  run: {
    methods: POST,
    parameters: ['dryRun'],
    read: readNothing,
    async handle(deps, request, response, given) {
      if (isTrue('dryRun', given.dryRun as string | undefined)) {
        response.json(await checkOnly(deps, request));
        return;
      }
      const idempotencyKey = idempotencyKeyOf(request);
      const batch = readEnvelope(request, deps.bodyLimits);
      const asyncId = await submit(deps, { caller: callerOf(request), idempotencyKey, ...batch });
      deps.log.info({ asyncId }, 'batch taken');
      response.json({ asyncId });
    },
  },
  validate: {
    methods: POST,
    parameters: [],
    read: readNothing,
    async handle(deps, request, response) {
      const { valid } = await checkOnly(deps, request);
      response.json({ valid });
    },
  },
  progress: {
    methods: GET_OR_POST,
    parameters: ID,
    async handle(deps, request, response, given) {
      const { progress, ...status } = await batchStatus(deps.pool, callerOf(request), asyncIdOf(given));
      response.json({ progress, ...status });
    },
  },
  results: { methods: GET_OR_POST, parameters: PARAMETERS, handle: answerResults },
  cancel: booleanAction('cancelled', cancel),
  pause: booleanAction('paused', pause),
  resume: booleanAction('resumed', resume),
  restart: {
    methods: POST,
    parameters: [...ID, ...SELECTION],
    read: readSelectionBody,
    async handle(deps, request, response, given) {
      const selection = selectionOf(given);
      response.json({ restarted: await restart(deps, callerOf(request), asyncIdOf(given), selection) });
    },
  },
  repost: booleanAction('reposted', repost),
};

export function rpc(deps: RpcDeps): RequestHandler {
  return async (request, response) => {
    const name = request.query.action;
    const action = typeof name === 'string' && Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    requireMethod(action?.methods ?? GET_OR_POST, request, response);
    if (!action) throw unknownAction(request);
    await action.handle(deps, request, response, await parametersOf(request, action, deps.bodyLimits));
  };
}

function requireMethod(methods: readonly string[], request: Request, response: Response): void {
  if (methods.includes(request.method)) return;
  response.set('allow', methods.join(', '));
  throw new BatchwrightError('methodNotAllowed', {
    message: `This action allows ${methods.join(', ')}`,
  });
}

/** The error for a request whose query names no known action. */
function unknownAction(request: Request): BatchwrightError {
  const known = Object.keys(ACTIONS);
  const { action } = queryOf(request, ['action', ...PARAMETERS], 'invalidRequest');
  const message =
    action === undefined || action === ''
      ? `?action= is missing: batch has ${known.join(', ')}`
      : `batch.${action.slice(0, 100)}${notKnown(action, known)}`;
  return new BatchwrightError('invalidRequest', { message });
}

function booleanAction(
  answer: string,
  perform: (deps: ControlDeps, caller: ReturnType<typeof callerOf>, asyncId: unknown) => Promise<boolean>,
): RpcAction {
  return {
    methods: POST,
    parameters: ID,
    async handle(deps, request, response, given) {
      response.json({ [answer]: await perform(deps, callerOf(request), asyncIdOf(given)) });
    },
  };
}

/** The body is a batch, which `handle` reads. */
async function readNothing(): Promise<Parameters> {
  return {};
}

function checkOnly(deps: RpcDeps, request: Request): Promise<Checked> {
  return validate(deps, { caller: callerOf(request), ...readEnvelope(request, deps.bodyLimits) });
}

async function answerResults(
  deps: RpcDeps,
  request: Request,
  response: Response,
  given: Parameters,
): Promise<void> {
  const asyncId = asyncIdOf(given, 'resultsNotFound');
  const batch = await requireBatch(deps.pool, callerOf(request), asyncId, 'resultsNotFound');
  const selection = {
    start: wholeNumber('start', given.start, 0, MAX_NUMBER) ?? 0,
    perPage: wholeNumber('perPage', given.perPage, 1, MAX_NUMBER),
    status: oneOf('status', given.status, RESULT_STATUSES),
  };
  if (!hasEnded(batch.state)) throw new BatchwrightError('notCompleted');
  response.type('application/json');
  const results = await rpcResults(deps.pool, batch, selection);
  await sendResults(response, results, { turns: deps.resultTurns, tenant: batch.tenant });
}

/** Ids and numbers may be in the body or in the query; null counts as absent. */
async function parametersOf(
  request: Request,
  { parameters: known, read = readMembers }: RpcAction,
  limits: BodyLimits,
): Promise<Parameters> {
  const { action: _, ...query } = queryOf(request, ['action', ...known], 'invalidRequest');
  const body = await read(request, known, limits);
  const given = Object.entries(body).filter(([, value]) => value !== null);
  const twice = given.find(([name, value]) => Object.hasOwn(query, name) && query[name] !== String(value));
  if (twice)
    throw new BatchwrightError('invalidRequest', {
      message: `${twice[0]} has different values in the query and in the body`,
    });
  return { ...query, ...Object.fromEntries(given) };
}

/** Throws the error for a missing batch, with a hint when the value is not an id. */
function asyncIdOf({ async, asyncId }: Parameters, notFound: ErrorName = 'batchNotFound'): string {
  if (async !== undefined && asyncId !== undefined && async !== asyncId)
    throw new BatchwrightError('invalidRequest', { message: 'async and asyncId are not the same' });
  const id = async ?? asyncId;
  if (isAsyncId(id)) return id;
  const isMissing = id === undefined || id === '';
  throw new BatchwrightError(notFound, {
    details: [
      isMissing ? 'async is missing' : 'async must be the 32 lower-case hex digits that run returned',
    ],
  });
}
