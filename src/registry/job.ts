import type { ValidateFunction } from 'ajv';
import type { ErrorName } from '../domain/errors.ts';
import { checkParams } from './schema.ts';

/** A job of a request that may run. */
export interface ValidJob<Entry> {
  id: string | number | undefined;
  entry: Entry;
}

/** Why a job may not run; the messages follow the job's place, as in `jobs[7].params.event must be integer`. */
export interface JobProblem {
  kind: Extract<ErrorName, 'notJson' | 'emptyJobs' | 'invalidParams' | 'missingParams'>;
  /** Each begins with `.` when it is about a member of the job, else with a blank or a colon. */
  messages: string[];
  /** The first parameter that is wrong or missing, where that is what is wrong. */
  parameter?: string;
  id: string | number | undefined;
  /** The action that the job names, where there is one: its permission is needed all the same. */
  action?: { namespace: string; action: string };
}

const MAX_ID_LENGTH = 200;

/** Checks the shape of one parsed job, that its action exists, and its params against the action's schema. */
export function checkJob<Entry extends { validate: ValidateFunction }>(
  find: (namespace: string, action: string) => Entry | undefined,
  job: unknown,
): ValidJob<Entry> | JobProblem {
  if (job === null || typeof job !== 'object' || Array.isArray(job))
    return problem('notJson', ' must be an object');
  const { namespace, action, params, id } = job as Record<string, unknown>;
  if (id !== undefined && !isJobId(id))
    return problem('notJson', `.id must be a string of 1 to ${MAX_ID_LENGTH} characters or a whole number`);
  for (const [member, value] of Object.entries({ namespace, action })) {
    if (value === undefined || value === null) return problem('emptyJobs', `.${member} is missing`, id);
    if (typeof value !== 'string') return problem('notJson', `.${member} must be a string`, id);
    if (value === '') return problem('emptyJobs', `.${member} must not be empty`, id);
  }
  if (params === undefined || params === null) return problem('emptyJobs', '.params is missing', id);
  const entry = find(namespace as string, action as string);
  if (!entry) return problem('notJson', `: there is no action ${shortened(`${namespace}.${action}`)}`, id);
  const wrong = checkParams(entry.validate, params);
  if (!wrong) return { id, entry };
  const messages = wrong.messages.map((text) => `.${text}`);
  const { parameter } = wrong;
  const named = { namespace: namespace as string, action: action as string };
  return { kind: wrong.missing ? 'missingParams' : 'invalidParams', messages, parameter, id, action: named };
}

export function isProblem(checked: ValidJob<unknown> | JobProblem): checked is JobProblem {
  return 'messages' in checked;
}

function problem(kind: JobProblem['kind'], message: string, id?: string | number): JobProblem {
  return { kind, messages: [message], id };
}

function isJobId(id: unknown): id is string | number {
  return typeof id === 'string' ? id.length > 0 && id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id);
}

/** Names come from the caller: an error message must not carry a megabyte of them back. */
function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
