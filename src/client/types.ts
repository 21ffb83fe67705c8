/** What the API takes and returns, as JSON. */

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

export interface BatchOptions {
  /** Invalid jobs become failed results, and the others run. */
  skipInvalid?: boolean;
  /** A text of yours, of 200 characters at most: every view of the batch shows it. */
  name?: string;
  /** At most 16 texts of yours, by name. */
  metadata?: Record<string, string>;
  /** Jobs of the batch that run at once. */
  concurrency?: number;
  /** Starts of its jobs in a period. */
  rate?: { limit: number; perSeconds: number };
  /** From -100 to 100, 0 if absent: of a tenant's waiting jobs, those of the highest start first. */
  priority?: number;
  /** As in RFC 3339: no job starts before. */
  startAt?: string;
  /** From the taking in: what has not started by then is cancelled. */
  deadlineSeconds?: number;
  /** The batch is cancelled when so many jobs have failed, or so many of a hundred, once `finished` of them have run. */
  stopAfter?: { failed?: number; failedPercent?: number; finished?: number };
  /** At most 16 headers of the callback, such as a secret of its receiver: nobody is shown them. */
  callbackHeaders?: Record<string, string>;
  /** `failure`: there is a callback only when some job has not succeeded. */
  callbackOn?: 'end' | 'failure';
}

/** What is beside the jobs of a batch. */
export interface BatchSettings {
  callbackUrl?: string;
  options?: BatchOptions;
}

export interface NewBatch extends BatchSettings {
  jobs: readonly Job[];
}

/** What a check found in a batch that would be stored. */
export interface Checked {
  valid: true;
  /** Its jobs, the invalid ones included. */
  total: number;
  /** Jobs that would fail at once, with `skipInvalid`. */
  invalid: number;
}

export type BatchState = 'queued' | 'running' | 'completed' | 'cancelled';

export interface Counts {
  total: number;
  pending: number;
  /** Jobs that wait for other jobs. */
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
}

/** A batch. Times are texts as in RFC 3339. */
export interface Batch {
  asyncId: string;
  state: BatchState;
  counts: Counts;
  /** Whole percentage of the work that is done; 100 only when every job has ended. */
  progress: number;
  /** As in its options; absent without one. */
  name?: string;
  metadata?: Record<string, string>;
  /** As in its options; absent without one. */
  priority?: number;
  startAt?: string;
  deadlineAt?: string;
  stopAfter?: { failed?: number; failedPercent?: number; finished?: number };
  /** Why it was stopped, when no caller has cancelled it. */
  stoppedBy?: 'deadline' | 'stopAfter';
  /** None of its jobs starts before it is resumed; absent otherwise. */
  paused?: true;
  /** `namespace.action` of its jobs, each once; absent when an earlier release has stored the batch. */
  actions?: string[];
  /** Running jobs that report progress, at most 100. */
  active: { index: number; done: number; total: number }[];
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  expiresAt: string;
  callback: {
    url: string;
    /** `skipped`: every job has succeeded, and only failures are called back. */
    state: 'pending' | 'delivered' | 'failed' | 'superseded' | 'skipped';
    attempts: number;
  } | null;
  /** The limits that its jobs wait for; absent when none does. */
  waitingFor?: { action: string | null; bucket: string | null; jobs: number; until: string | null }[];
}

export type ResultStatus = 'succeeded' | 'failed' | 'cancelled' | 'skipped';

/** The response of a failed job. */
export interface JobError {
  errorCode: number;
  message: string;
  specificCode?: number;
  additionalMessages?: string[];
  details?: unknown;
}

export interface ResultBase {
  index: number;
  id?: string;
  namespace: string;
  action: string;
  /** The params as they were sent, or with the values that were bound before the job ran. */
  request: unknown;
  /** The number of runs; 0 for a job that never ran. */
  attempts: number;
  startedAt: string | null;
  finishedAt: string;
}

/** One result: its `status` decides what `response` is. */
export type Result<Response = unknown> = ResultBase &
  (
    | { status: 'succeeded'; response: Response }
    | { status: 'failed'; response: JobError }
    | { status: 'cancelled'; response: JobError | null }
    | { status: 'skipped'; response: JobError & { causedBy: number } }
  );

/** The attempt to deliver a callback. */
export interface CallbackAttempt {
  number: number;
  trigger: 'completion' | 'repost';
  /** The receiver's HTTP status; null when it did not respond. */
  status: number | null;
  durationMs: number;
  error: string | null;
  attemptedAt: string;
  nextAttemptAt: string | null;
}

/** Which jobs run again among those that have not succeeded: by index, or by status and error. */
export type RestartSelection =
  | { indexes?: readonly number[] }
  | { status?: readonly ('failed' | 'cancelled' | 'skipped')[]; errorCode?: number; message?: string };

/** The failed jobs of a batch by their error. */
export interface ErrorGroups {
  /** The most frequent first, at most 100. */
  data: { code: number; message: string; count: number; firstIndex: number }[];
  /** Failed jobs with errors that are not listed. */
  others: number;
}

/** The jobs of a batch by the time of their end. */
export interface Timeline {
  /** Periods of equal length, without gaps. */
  data: { at: string; succeeded: number; failed: number; cancelled: number; skipped: number }[];
  secondsPerBucket: number;
}

/** How a job depends on others, as it was sent, and what waits for it. */
export interface JobPlan {
  dependsOn?: readonly Dependency[];
  group?: string;
  bind?: Bindings;
  /** The jobs that it waits for, or did, those of groups apart: the first 100. Only where jobs of the batch depend on each other. */
  dependencies?: { count: number; indexes: number[] };
  /** Likewise the jobs that wait for it. */
  dependents?: { count: number; indexes: number[] };
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

export interface Action {
  /** `namespace.action` */
  name: string;
  summary: string;
  /** The permission that a key needs to run it. */
  permission: string;
  /** JSON Schema of the params. */
  params: object;
  example: unknown;
  timeoutSeconds: number;
  retry: { limit: number; delaySeconds: number; backoff: boolean };
  transactional: boolean;
}

export interface NewKey {
  name: string;
  permissions: readonly string[];
  tenant?: string;
  /** As in RFC 3339. */
  expiresAt?: string | null;
  signing?: 'IWS' | null;
}

export interface Key {
  id: string;
  name: string;
  tenant: string;
  permissions: string[];
  createdAt: string;
  expiresAt: string | null;
  /** When a request with it was last accepted, to the minute; null when none was. */
  lastUsedAt: string | null;
}

export interface CallbackSecrets {
  /** `whsec_…` */
  secret: string;
  /** Replaced secrets that sign beside it, the youngest first; `endsAt` is null where the operator decides. */
  previous: { secret: string; endsAt: string | null }[];
}

/** What came back to a test callback. */
export interface TestedCallback {
  /** Its `webhook-id`. */
  id: string;
  /** Null when the receiver did not answer. */
  status: number | null;
  durationMs: number;
  /** Why a callback would fail; null when it would be delivered. */
  error: string | null;
  /** The beginning of the receiver's answer. */
  excerpt: string | null;
}

/** The key of a client, and what it may do. */
export interface OwnKey {
  /** `admin` for the admin key. */
  keyId: string;
  name: string;
  tenant: string;
  permissions: string[];
  isAdmin: boolean;
  /** Whether it may change what all tenants share. */
  isOperator: boolean;
  expiresAt: string | null;
}

/** A callback of an ended batch that is not delivered. */
export interface OpenCallback {
  asyncId: string;
  url: string;
  state: 'pending' | 'failed';
  attempts: number;
  finishedAt: string;
  lastAttempt: CallbackAttempt | null;
}

/** What limits an action, over all processes. `by` is what shares the limit: `tenant`, or a JSON Pointer into params. */
export interface Limits {
  concurrency?: { max: number; perProcess?: boolean; by?: string };
  rate?: { limit: number; perSeconds: number; burst?: number; by?: string };
  /** The pace follows what the other side takes. */
  adaptive?: boolean;
}

export interface ActionLimits {
  /** `namespace.action` */
  name: string;
  paused: boolean;
  limits: Limits | null;
}

/** What shares a limit: all jobs of an action or of a batch, those of a tenant, or those with a value in common. */
export interface Bucket {
  /** Null for the limits of a batch. */
  action: string | null;
  /** Null for all jobs. */
  bucket: string | null;
  /** The batch, for its own limits. */
  asyncId?: string;
  /** Jobs that wait for room. */
  waiting: number;
  running: number;
  asleepUntil: string | null;
  /** The next start of a rate. */
  nextAt: string | null;
  /** Starts a second, where it was found out. */
  pace: number | null;
}

export interface LimitsInUse {
  /** Actions that have limits or are paused. */
  actions: ActionLimits[];
  data: Bucket[];
}

/** The whole installation. */
export interface System {
  version: string;
  /** The version of Node. */
  node: string;
  /** `size` is in words, such as `12 MB`. */
  database: { version: string; size: string };
  /** Batches that have not ended. */
  batches: { queued: number; running: number };
  callbacksWaiting: number;
  queues: {
    queue: string;
    /** Messages that are due, that wait for a time or a limit, and that a worker has. */
    ready: number;
    delayed: number;
    held: number;
    active: number;
    oldestSeconds: number;
  }[];
  workers: {
    id: string;
    host: string;
    pid: number;
    version: string;
    concurrency: number;
    startedAt: string;
    seenAt: string;
    /** Jobs that it has finished since its start, as of `seenAt`. */
    jobsFinished: number;
    running: { queue: string; asyncId: string; chunk: number; attempt: number; since: string }[];
  }[];
  /** Those in the configuration. */
  limits: Record<string, number>;
}

/** Who changed what. */
export interface AuditEntry {
  id: string;
  at: string;
  tenant: string;
  /** The key that did it; `admin` is the admin key. */
  actor: { keyId: string; tenant: string };
  /** Such as `key.created`. */
  event: string;
  target: string;
  details: Record<string, unknown>;
}

/** The body of a callback. */
export interface Callback<Response = unknown> {
  asyncId: string;
  state: BatchState;
  counts: Counts;
  /** As in the options of the batch; absent without one. */
  name?: string;
  metadata?: Record<string, string>;
  /** Why it was stopped, when no caller has cancelled it. */
  stoppedBy?: 'deadline' | 'stopAfter';
  results: Result<Response>[];
}
