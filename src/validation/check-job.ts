import type { ValidateFunction } from 'ajv';
import { catalogue, type ErrorName } from '../contract/errors.ts';
import type { JobPlan } from '../domain/plan/job-plan.ts';
import type { UnknownActions } from '../domain/unknown-action.ts';
import { jointBefore, memberPath, notKnown } from '../domain/unknown-name.ts';
import { mayBeRounded, parseUnrounded } from '../json/rounded.ts';
import { certainErrors, fillPlaces, NoContainer } from './bound-places.ts';
import { checkParams, checkUnrounded, type ParamsProblem } from './check-params.ts';
import { checkPlan, groupAlone, MAX_NAME_LENGTH, PLAN_MEMBERS, TooManyDependencies } from './check-plan.ts';

/** A job of a request that is valid. */
export interface ValidJob<Entry> {
  id: string | number | undefined;
  entry: Entry;
  /** Null for a job that says nothing about others. */
  plan: JobPlan | null;
}

/** One thing that is wrong with a job: `params.event must be integer`. */
export interface JobFault {
  text: string;
  /**
   * Written between the job's place and the text, as in `jobs[7].params.event must be integer`. After the number of a line
   * it is a space or a colon: `line 8: params.event must be integer`.
   */
  joint: '' | '.' | ' ' | ': ';
}

/** Why a job is invalid. */
export interface JobProblem {
  kind: Extract<ErrorName, 'invalidRequest' | 'emptyJobs' | 'invalidParams' | 'missingParams'>;
  faults: JobFault[];
  /** Under skipInvalid too, the batch is refused. */
  refusesBatch?: boolean;
  /** The first wrong or missing parameter, if the params are invalid. */
  parameter?: string;
  id: string | number | undefined;
  /** The action that the job names, if it exists: its permission is checked anyway. */
  action?: { namespace: string; action: string } | undefined;
  /** What it says about others: those that wait for it find it, and what it waits for is checked. */
  plan?: JobPlan | null;
}

/** What the response of an invalid job says. */
export type InvalidJob = Pick<JobProblem, 'kind' | 'faults' | 'parameter'>;

/** The actions that jobs may name. */
export interface KnownActions<Entry> {
  get(namespace: string, action: string): Entry | undefined;
  /** The error text for any other. */
  unknown: UnknownActions;
}

const MAX_ID_LENGTH = MAX_NAME_LENGTH;
const NOT_VALID = 'The job is not valid';
const MEMBERS = ['namespace', 'action', 'params', 'id', ...PLAN_MEMBERS];
const isMember: ReadonlySet<string> = new Set(MEMBERS);
/** Unknown members of one job named in the error. */
const MAX_NAMED_MEMBERS = 20;

type Members = Record<string, unknown>;

/**
 * Checks the members of one parsed job, that its action exists, and its params against the action's schema.
 *
 * @param text the text that the job was parsed from: it shows which whole numbers JSON.parse has rounded
 */
export function checkJob<Entry extends { validate: ValidateFunction }>(
  actions: KnownActions<Entry>,
  job: unknown,
  text: string,
): ValidJob<Entry> | JobProblem {
  if (job === null || typeof job !== 'object' || Array.isArray(job))
    return { kind: 'invalidRequest', faults: [{ text: 'must be an object', joint: ' ' }], id: undefined };
  const { namespace, action, params } = job as Members;
  const unrounded = mayBeRounded(text) ? (parseUnrounded(text) as Members) : (job as Members);
  const checked = checkPlan(unrounded);
  const plan = isPlan(checked) ? checked : groupAlone(unrounded);
  const wrong = isPlan(checked) ? memberProblem(unrounded) : planProblem(checked, unrounded);
  const id = isJobId(unrounded.id) ? unrounded.id : undefined;
  const named = namedAction(namespace, action);
  if (wrong || !named)
    return { kind: 'invalidRequest', faults: [], ...wrong, id, plan, ...(named && { action: named }) };
  const entry = actions.get(named.namespace, named.action);
  if (!entry) {
    const text = actions.unknown.textOf(`${named.namespace}.${named.action}`);
    return { kind: 'invalidRequest', faults: [{ text, joint: ': ' }], id, plan };
  }
  const broken =
    plan && plan.places.length > 0
      ? checkUnbound(entry.validate, params, unrounded.params, plan.places)
      : checkWhole(entry.validate, params, unrounded.params);
  if (broken instanceof NoContainer)
    return { kind: 'invalidRequest', faults: [memberFault(broken.text)], id, action: named, plan };
  if (!broken) return { id, entry, plan };
  return { ...paramsProblem(broken), id, action: named, plan };
}

function paramsProblem({ messages, missing, parameter }: ParamsProblem): InvalidJob {
  return { kind: missing ? 'missingParams' : 'invalidParams', faults: messages.map(memberFault), parameter };
}

/** @param unrounded the same as the params unless these have rounded numbers, see `checkUnrounded` */
function checkWhole(validate: ValidateFunction, params: unknown, unrounded: unknown): ParamsProblem | null {
  return (
    checkParams(validate, params) ??
    (unrounded === params ? null : checkUnrounded(validate, params, unrounded))
  );
}

/** The same for params that get values at these places when the job runs. */
function checkUnbound(
  validate: ValidateFunction,
  params: unknown,
  unrounded: unknown,
  places: JobPlan['places'],
): ParamsProblem | null | NoContainer {
  if (places[0]?.length === 0) return null;
  const filled = fillPlaces(params, places);
  if (filled instanceof NoContainer) return filled;
  const broken = checkParams(validate, params, (errors) => certainErrors(errors, filled));
  if (broken || unrounded === params) return broken;
  fillPlaces(unrounded, places);
  return checkUnrounded(validate, params, unrounded);
}

/**
 * Params that got their values, from their JSON text.
 *
 * @throws SyntaxError
 */
export function checkBound(validate: ValidateFunction, text: string): { params: unknown } | InvalidJob {
  const params: unknown = JSON.parse(text);
  const broken = checkWhole(validate, params, mayBeRounded(text) ? parseUnrounded(text) : params);
  return broken ? paramsProblem(broken) : { params };
}

/** The response of a job that is invalid, as JSON text. */
export function invalidError({ kind, parameter, faults }: InvalidJob): string {
  const { errorCode, message, specificCode } = catalogue.invalidParams;
  const additionalMessages = faults.map(({ text }) => text);
  const isOfParams = kind === 'invalidParams' || kind === 'missingParams';
  const shownMessage =
    parameter === undefined ? (isOfParams ? message : NOT_VALID) : paramsMessage('invalidParams', parameter);
  return JSON.stringify({ errorCode, message: shownMessage, specificCode, additionalMessages });
}

/** The wording of the API that this one replaces. */
export function paramsMessage(kind: JobProblem['kind'], parameter: string): string {
  return `'${parameter}' ${kind === 'missingParams' ? 'is required' : 'does not validate'}`;
}

/** A fault of a member whose path begins the text. */
export function memberFault(text: string): JobFault {
  return { text, joint: '.' };
}

export function isProblem(checked: ValidJob<unknown> | JobProblem): checked is JobProblem {
  return 'faults' in checked;
}

function isPlan(checked: ReturnType<typeof checkPlan>): checked is JobPlan | null {
  return typeof checked !== 'string' && !(checked instanceof TooManyDependencies);
}

/** A problem of the other members comes first, unless the plan refuses the whole batch. */
function planProblem(wrong: string | TooManyDependencies, job: Members): MemberProblem {
  return wrong instanceof TooManyDependencies
    ? { ...problem(wrong.text), refusesBatch: true }
    : (memberProblem(job) ?? problem(wrong));
}

type MemberProblem = Pick<JobProblem, 'kind' | 'faults' | 'refusesBatch'>;

/** Problems of the job's members, except those inside params; null for none. */
function memberProblem(job: Members): MemberProblem | null {
  for (const name in job)
    if (!isMember.has(name)) return { kind: 'invalidRequest', faults: unknownMembers(job) };
  const { namespace, action, params, id } = job;
  if (id !== undefined && !isJobId(id))
    return problem(`id must be a string of 1 to ${MAX_ID_LENGTH} characters or a whole number`);
  const wrongName = nameProblem('namespace', namespace) ?? nameProblem('action', action);
  if (wrongName) return wrongName;
  return params === undefined || params === null ? problem('params is missing', 'emptyJobs') : null;
}

function unknownMembers(job: Members): JobFault[] {
  const unknown = Object.keys(job).filter((name) => !isMember.has(name));
  const named = unknown.slice(0, MAX_NAMED_MEMBERS).map((name): JobFault => {
    const path = memberPath(name);
    return { text: `${path}${notKnown(name, MEMBERS)}`, joint: jointBefore(path) };
  });
  const more = unknown.length - named.length;
  return more > 0 ? [...named, { text: `has ${more} more members that are not known`, joint: ' ' }] : named;
}

function nameProblem(member: string, value: unknown): ReturnType<typeof memberProblem> {
  if (value === undefined || value === null) return problem(`${member} is missing`, 'emptyJobs');
  if (typeof value !== 'string') return problem(`${member} must be a string`);
  return value === '' ? problem(`${member} must not be empty`, 'emptyJobs') : null;
}

function problem(message: string, kind: JobProblem['kind'] = 'invalidRequest'): MemberProblem {
  return { kind, faults: [memberFault(message)] };
}

function namedAction(namespace: unknown, action: unknown): JobProblem['action'] {
  return typeof namespace === 'string' && typeof action === 'string' ? { namespace, action } : undefined;
}

function isJobId(id: unknown): id is string | number {
  return typeof id === 'string' ? id.length > 0 && id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id);
}
