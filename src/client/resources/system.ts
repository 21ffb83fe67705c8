/** The installation, and who changed it, as the API takes and returns them. */

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
