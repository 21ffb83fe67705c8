/** Checks the members of a job that name other jobs of its batch. */
import { WHENS, type When } from '../domain/plan/edge.ts';
import type { Dependency, JobPlan } from '../domain/plan/job-plan.ts';
import { unknownMember } from '../domain/unknown-name.ts';

/** The members of a job that are checked here. */
export const PLAN_MEMBERS = ['dependsOn', 'group'] as const;

const MAX_DEPENDENCIES = 1000;
export const MAX_NAME_LENGTH = 200;

/** Null when the job has none of these members; a text names the first fault, such as `group must be …`. */
export function checkPlan(job: Record<string, unknown>): JobPlan | null | string {
  const { dependsOn, group } = job;
  if (dependsOn === undefined && group === undefined) return null;
  if (group !== undefined && !isName(group))
    return `group must be a string of 1 to ${MAX_NAME_LENGTH} characters`;
  if (group !== undefined && (group.includes('\0') || !group.isWellFormed()))
    return 'group has a character that cannot be stored';
  const dependencies = dependsOn === undefined ? [] : dependenciesOf(dependsOn);
  if (typeof dependencies === 'string') return dependencies;
  return { dependencies, listed: dependencies.length, group, sources: [] };
}

/** An id, as it is compared with others. */
function nameOf(id: unknown): string | null {
  if (isName(id)) return id;
  return Number.isSafeInteger(id) ? String(id) : null;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH;
}

function dependenciesOf(list: unknown): Dependency[] | string {
  if (!Array.isArray(list)) return 'dependsOn must be an array of job ids, or of objects such as {"job":"a"}';
  if (list.length > MAX_DEPENDENCIES)
    return `dependsOn has ${list.length} dependencies: a job can have at most ${MAX_DEPENDENCIES}`;
  const dependencies: Dependency[] = [];
  for (const [place, item] of list.entries()) {
    const dependency = dependencyOf(item);
    if (typeof dependency === 'string') return `dependsOn[${place}]${dependency}`;
    dependencies.push(dependency);
  }
  return dependencies;
}

const EITHER = 'must be the id of a job, {"job":"its id"} or {"group":"its name"}';

/** A text follows the place: ` must be …` or `.when must be …`. */
function dependencyOf(item: unknown): Dependency | string {
  const id = nameOf(item);
  if (id !== null) return { kind: 'job', name: id, condition: 0 };
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return ` ${EITHER}`;
  const unknown = Object.keys(item).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `.${unknownMember('', unknown, MEMBERS)}`;
  const { job, group, when = 'succeeded' } = item as Record<string, unknown>;
  const condition = WHENS.indexOf(when as When);
  if (condition === -1) return `.when must be one of ${WHENS.join(', ')}`;
  if ((job === undefined) === (group === undefined)) return ` ${EITHER}`;
  const name = job === undefined ? (isName(group) ? group : null) : nameOf(job);
  if (name === null)
    return job === undefined
      ? `.group must be a string of 1 to ${MAX_NAME_LENGTH} characters`
      : '.job must be the id of a job';
  return { kind: job === undefined ? 'group' : 'job', name, condition };
}

const MEMBERS = ['job', 'group', 'when'];
