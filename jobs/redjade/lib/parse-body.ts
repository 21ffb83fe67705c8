/** Checks the bodies of both routes: flat, or wrapped in the name of what they create. */
import { compileSchema } from 'batchwright/plugin';
import { params as applyImport } from '#schemas/redjade/applyImport.ts';
import { externalEventId, options } from '#schemas/redjade/lib/options.ts';
import { refused, shownProblem } from './errors.ts';
import { type Options, optionsOf } from './options.ts';

type Members = Record<string, unknown>;

const MAX_ERRORS = 100;

const importProblems = compileSchema({
  type: 'object',
  required: ['external_event_id'],
  additionalProperties: false,
  properties: { external_event_id: externalEventId, act_if_valid: { type: 'boolean' }, ...options },
});
const actionProblems = compileSchema(applyImport);

export interface ImportBody {
  externalEventId: string | number;
  actIfValid: boolean;
  options: Options;
}

/** The body of an import without its participants. Throws 422 for one that is wrong. */
export function parseImport(body: Members): ImportBody {
  refuse(importProblems(body));
  const { external_event_id, act_if_valid, ...given } = body;
  return {
    externalEventId: external_event_id as string | number,
    actIfValid: act_if_valid === true,
    options: optionsOf(given as Partial<Options>),
  };
}

/** The body of an action. Throws 422 for one that is wrong. */
export function parseAction(body: unknown): { importId: number; options: Options } {
  const action = unwrapped(body, 'participant_import_action');
  refuse(actionProblems(action));
  const { participant_import_id, ...given } = action as Members;
  return { importId: participant_import_id as number, options: optionsOf(given as Partial<Options>) };
}

/** The value of the only member with this name, else the body itself. */
function unwrapped(body: unknown, name: string): unknown {
  return isObject(body) && Object.keys(body).length === 1 && Object.hasOwn(body, name) ? body[name] : body;
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(problems: ReturnType<typeof importProblems>): void {
  if (problems.length > 0) throw refused(422, problems.slice(0, MAX_ERRORS).map(shownProblem));
}
