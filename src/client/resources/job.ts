/** The jobs of a batch, and how they depend on each other, as the API takes and returns them. */
import type { ResultBase } from './result.ts';

/**
 * The params of each action, by `namespace.action`: empty, and any name is allowed, unless the declarations that
 * `npx batchwright types` prints are part of the program.
 */
// biome-ignore lint/suspicious/noEmptyInterface: a program completes it by a declaration of its own, which the type that the rule proposes does not allow
export interface ActionParams {}

/** The name of an action and its params. */
export type ActionCall = keyof ActionParams extends never
  ? [name: string, params: object]
  : { [Name in keyof ActionParams]: [name: Name, params: ActionParams[Name]] }[keyof ActionParams];

type KnownJob<Name> = Name extends `${infer Namespace}.${infer Action}`
  ? { namespace: Namespace; action: Action } & (
      | { params: ActionParams[Name & keyof ActionParams]; bind?: undefined }
      | { params: Unbound<ActionParams[Name & keyof ActionParams]>; bind: Bindings }
    )
  : never;

/** Params some of whose values are bound later: any member may be missing. */
type Unbound<Value> = Value extends readonly (infer Item)[]
  ? readonly Unbound<Item>[]
  : Value extends object
    ? { [Name in keyof Value]?: Unbound<Value[Name]> }
    : Value;

/** One job of a batch: an action and its params. */
export type Job = {
  /** The caller's own name of the job, unique in the batch. */
  id?: string;
  /** The job starts when all of these are met: the id of a job that must succeed, or an object. */
  dependsOn?: readonly Dependency[];
  /** A name that jobs share, for jobs that wait for all of them. */
  group?: string;
} & (keyof ActionParams extends never
  ? { namespace: string; action: string; params: object; bind?: Bindings }
  : KnownJob<keyof ActionParams>);

/** What a job waits for: the id of a job, a job, or all jobs of a group. `when` is `succeeded` if absent. */
export type Dependency = string | { job: string; when?: When } | { group: string; when?: When };

export type When = 'succeeded' | 'failed' | 'finished';

/**
 * By place in the params, as a JSON Pointer such as `/contacts/0`: the value that comes there before the job runs. The job
 * waits for the other.
 */
export type Bindings = { readonly [place: string]: BoundValue };

export interface BoundValue {
  /** The id of the other job. */
  job: string;
  /** The place of the value in that job's response, as a JSON Pointer; the empty text is the whole response. */
  at: string;
  /** The value when there is nothing at that place; without it the job fails. */
  default?: unknown;
}

/** How a job depends on others, as it was sent, and what waits for it. */
export interface JobPlan {
  dependsOn?: readonly Dependency[];
  group?: string;
  bind?: Bindings;
  /**
   * The jobs that it waits for, or did, the first 100, and the groups; jobs of those groups are not among the jobs. Only
   * where jobs of the batch depend on each other.
   */
  dependencies?: { count: number; indexes: number[]; groups: AwaitedGroup[] };
  /** Likewise the jobs that wait for it. */
  dependents?: { count: number; indexes: number[] };
}

/** A group that a job waits for, or did. */
export interface AwaitedGroup {
  /** Its name. */
  group: string;
  /** Jobs of the group. */
  jobs: number;
  /** Those of them that have not ended. */
  remaining: number;
}

/** A job that has not ended. */
export interface OpenJob extends Omit<ResultBase, 'finishedAt'>, JobPlan {
  status: 'pending' | 'waiting' | 'running';
  response: null;
  finishedAt: null;
  /** What it reports while it runs. */
  progress: { done: number; total: number } | null;
  /** When its next run is due, if it waits for a time. */
  nextAttemptAt: string | null;
}

/** A job in the list of those that have not ended. */
export type ListedJob = Pick<
  OpenJob,
  'index' | 'id' | 'namespace' | 'action' | 'request' | 'status' | 'progress'
>;
