/** Actions and their limits, as the API takes and returns them. */

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
