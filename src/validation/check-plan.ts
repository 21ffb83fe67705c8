/** Checks the members of a job that name other jobs of its batch. */
import { WHENS, type When } from '../domain/plan/edge.ts';
import type { Dependency, JobPlan } from '../domain/plan/job-plan.ts';
import { NOT_STORABLE, TEXT_FORMATS } from '../domain/text.ts';
import { jointBefore, memberPath, unknownMember } from '../domain/unknown-name.ts';
import { comparePaths, parsePointer } from '../json/pointer.ts';

/** The members of a job that are checked here. */
export const PLAN_MEMBERS = ['dependsOn', 'group', 'bind'] as const;

/** And as many places of `bind`. */
const MAX_DEPENDENCIES = 1000;
export const MAX_NAME_LENGTH = 200;
const MAX_POINTER_LENGTH = 1000;

/** A job has more dependencies or bound places than any may have: its batch is refused as a whole. */
export class TooManyDependencies {
  readonly text: string;

  constructor(text: string) {
    this.text = `${text}: a job can have at most ${MAX_DEPENDENCIES}`;
  }
}

/** Null when the job has none of these members; a text names the first fault, such as `group must be …`. */
export function checkPlan(job: Record<string, unknown>): JobPlan | null | string | TooManyDependencies {
  const { dependsOn, group, bind } = job;
  if (dependsOn === undefined && group === undefined && bind === undefined) return null;
  if (Array.isArray(dependsOn) && dependsOn.length > MAX_DEPENDENCIES)
    return new TooManyDependencies(`dependsOn has ${dependsOn.length} dependencies`);
  const places = isObject(bind) ? Object.keys(bind).length : 0;
  if (places > MAX_DEPENDENCIES) return new TooManyDependencies(`bind has ${places} places`);
  if (group !== undefined && !isName(group))
    return `group must be a string of 1 to ${MAX_NAME_LENGTH} characters`;
  if (group !== undefined && !isGroup(group)) return `group ${NOT_STORABLE}`;
  const dependencies = dependsOn === undefined ? [] : dependenciesOf(dependsOn);
  if (typeof dependencies === 'string') return dependencies;
  const bindings = bind === undefined ? [] : bindingsOf(bind);
  if (typeof bindings === 'string') return bindings;
  const listed = dependencies.length;
  const sources = bindings.map(({ job: name }) => name);
  addSources(dependencies, sources);
  if (dependencies.length > MAX_DEPENDENCIES)
    return new TooManyDependencies(`dependsOn and bind have ${dependencies.length} dependencies`);
  return {
    dependencies,
    listed,
    group,
    places: bindings.map(({ place }) => place),
    pointers: bindings.map(({ pointer }) => pointer),
    sources,
  };
}

/** The group of a job whose other members are wrong: others may wait for it all the same. Null without a valid one. */
export function groupAlone({ group }: Record<string, unknown>): JobPlan | null {
  return isGroup(group)
    ? { dependencies: [], listed: 0, group, places: [], pointers: [], sources: [] }
    : null;
}

/** Jobs that only `bind` names must succeed. */
function addSources(dependencies: Dependency[], sources: readonly string[]): void {
  if (sources.length === 0) return;
  const known = new Set(dependencies.flatMap(({ kind, name }) => (kind === 'job' ? [name] : [])));
  for (const name of new Set(sources))
    if (!known.has(name)) dependencies.push({ kind: 'job', name, condition: 0 });
}

/** An id, as it is compared with others. */
function nameOf(id: unknown): string | null {
  if (isName(id)) return id;
  return Number.isSafeInteger(id) ? String(id) : null;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH;
}

function isGroup(value: unknown): value is string {
  return isName(value) && TEXT_FORMATS.storable.allows(value);
}

function dependenciesOf(list: unknown): Dependency[] | string {
  if (!Array.isArray(list)) return 'dependsOn must be an array of job ids, or of objects such as {"job":"a"}';
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
  if (!isObject(item)) return ` ${EITHER}`;
  const unknown = Object.keys(item).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `.${unknownMember('', unknown, MEMBERS)}`;
  const { job, group, when = 'succeeded' } = item;
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

/** A place in a job's params that takes a value from the response of another job. */
export interface Binding {
  /** The id of the job. */
  job: string;
  pointer: string;
  /** The pointer as a path. */
  place: readonly string[];
  /** The place in the response. */
  at: readonly string[];
}

/** In the order of their places, however they were sent. */
function bindingsOf(bind: unknown): Binding[] | string {
  if (!isObject(bind)) return 'bind must be an object, such as {"/event":{"job":"a","at":"/id"}}';
  const bindings: Binding[] = [];
  for (const [pointer, source] of Object.entries(bind)) {
    const binding = bindingOf(pointer, source);
    if (typeof binding === 'string')
      return `bind${jointBefore(memberPath(pointer))}${memberPath(pointer)}${binding}`;
    bindings.push(binding);
  }
  return bindings.sort((one, other) => comparePaths(one.place, other.place));
}

function notPointer(pointer: unknown, example: string): string {
  const rule = `must be a JSON Pointer of at most ${MAX_POINTER_LENGTH} characters, such as "${example}"`;
  const [wrong] = typeof pointer === 'string' ? (/~(?![01]).?/u.exec(pointer) ?? []) : [];
  return wrong === undefined
    ? rule
    : `${rule}: ${JSON.stringify(wrong)} in it is neither "~0", which is ~, nor "~1", which is /`;
}

/** A text follows the place, as above. */
function bindingOf(pointer: string, source: unknown): Binding | string {
  const place = pathOf(pointer);
  if (place === null) return ` ${notPointer(pointer, '/event')}`;
  if (!isObject(source)) return ' must be an object, such as {"job":"a","at":"/id"}';
  const unknown = Object.keys(source).find((name) => !SOURCE_MEMBERS.includes(name));
  if (unknown !== undefined) return `.${unknownMember('', unknown, SOURCE_MEMBERS)}`;
  const job = nameOf(source.job);
  if (job === null) return '.job must be the id of a job';
  const at = pathOf(source.at);
  return at === null ? `.at ${notPointer(source.at, '/id')}` : { job, pointer, place, at };
}

const SOURCE_MEMBERS = ['job', 'at', 'default'];

function pathOf(pointer: unknown): string[] | null {
  if (typeof pointer !== 'string' || pointer.length > MAX_POINTER_LENGTH) return null;
  return parsePointer(pointer);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
