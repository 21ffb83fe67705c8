/** Events of this process, for listeners such as logs, metrics and tests. */
import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { currentInstance } from './instance.ts';

/**
 * A kind of event. Its channel is `batchwright:` and the name, so that tools of Node can listen too. Inside a program
 * that may run several Batchwrights, each message names its own as `instance`.
 */
export class TelemetryEvent<Fields extends object> {
  readonly #channel: Channel;

  constructor(name: string) {
    this.#channel = channel(`batchwright:${name}`);
  }

  /** False when nobody listens: then the fields need not be put together. */
  get isHeard(): boolean {
    return this.#channel.hasSubscribers;
  }

  /** Calls the listeners of this instance before it returns. Without listeners it does nothing. */
  emit(fields: Fields): void {
    if (!this.#channel.hasSubscribers) return;
    const instance = currentInstance();
    this.#channel.publish(instance === undefined ? fields : { ...fields, instance });
  }

  /** Listens to the events of this instance. Returns a function that ends the listening. */
  listen(listener: (fields: Fields) => void): () => void {
    const { name } = this.#channel;
    const own = currentInstance();
    const onMessage = (message: unknown) => {
      const fields = message as Fields & { instance?: string };
      if (fields.instance === own) listener(fields);
    };
    subscribe(name, onMessage);
    return () => void unsubscribe(name, onMessage);
  }
}

/** A chunk as its message names it. */
interface ChunkFields {
  /** The queue that its actions name. */
  queue: string;
  asyncId: string;
  /** The chunk's number in its batch. */
  chunk: number;
  /** 1 for the first run of its jobs. */
  attempt: number;
}

/** A lane has claimed a message and begins to work on it. */
export const chunkClaimed = new TelemetryEvent<ChunkFields>('chunk.claimed');

/**
 * How a lane's work on a message ended:
 *
 * - `settled`: results are recorded, and messages for what is left are sent
 * - `released`: no job was started; the message is in the queue as before
 * - `lost`: another lane has the message, or its batch was restarted or deleted
 * - `quarantined`: the worker that had it before died; it is now in the quarantine
 */
export type ChunkEnd = 'settled' | 'released' | 'lost' | 'quarantined';

/**
 * A lane's work on a message has ended, and its result is in the database. The event is not sent when the
 * work failed: then the message is claimed again.
 */
export const chunkEnded = new TelemetryEvent<ChunkFields & { end: ChunkEnd }>('chunk.ended');

/** A batch has ended, and the transaction is committed. */
export const batchEnded = new TelemetryEvent<{
  asyncId: string;
  tenant: string;
  state: string;
  counts: { total: number; succeeded: number; failed: number; cancelled: number; skipped: number };
  /** From the batch's creation to its end. */
  durationMs: number | null;
}>('batch.ended');

/** An attempt to deliver a callback has ended and is recorded. */
export const callbackAttempted = new TelemetryEvent<{
  asyncId: string;
  tenant: string;
  receiver: string;
  attempt: number;
  /** The status of the receiver's answer; null without one. */
  status: number | null;
  /** Null for a callback that was delivered. */
  error: string | null;
  durationMs: number;
}>('callback.attempted');

/** A round of the sweep has ended. */
export const sweepEnded = new TelemetryEvent<{
  durationMs: number;
  /** Null for a complete round. */
  error: unknown;
}>('sweep.ended');

/**
 * Runs of jobs have ended, and their results are in the database. One event reports many runs, because emitting one
 * per job would cost more than the smallest jobs take.
 */
export const jobsEnded = new TelemetryEvent<{
  /** The name of a job's action, by the job's index; undefined for an action that no longer exists. */
  actionOf(index: number): string | undefined;
  /** Runs that ended with a result, and jobs that got one without a run. */
  results: readonly EndedJob[];
  /** Runs that will be repeated. */
  repeated: readonly RepeatedRun[];
  /**
   * When the jobs began to wait for their first run, in ms since the epoch by this process's clock; null when that
   * is not known, after a restart.
   */
  waitingSince: number | null;
}>('jobs.ended');

export interface EndedJob {
  index: number;
  status: 'succeeded' | 'failed' | 'cancelled' | 'skipped';
  /** The number of runs; 0 for a job that never ran. */
  attempts: number;
  /** In ms since the epoch, by this process's clock; null when the job did not run, or ended its process. */
  startedAt: number | null;
  finishedAt: number;
}

export interface RepeatedRun {
  index: number;
  /** The failed run; null for one that does not count as an attempt. */
  failed: EndedJob | null;
  /** Set when the called service refused the job for now. */
  throttledSince?: number;
}

/** Jobs got a failed result when their batch was stored, because `skipInvalid` let them pass. */
export const jobsRefused = new TelemetryEvent<{
  /** How many, by action; `''` for jobs that name no known action. */
  byAction: ReadonlyMap<string, number>;
}>('jobs.refused');

/** A batch is stored, and the transaction is committed. It is not sent for a repeated Idempotency-Key. */
export const batchSubmitted = new TelemetryEvent<{ asyncId: string; tenant: string; jobs: number }>(
  'batch.submitted',
);

/** A request was answered, or its connection ended before. */
export const requestEnded = new TelemetryEvent<{
  /** The pattern of the route, such as `/v1/batches/:asyncId`. */
  route: string;
  method: string;
  /** 0 when the connection ended before an answer. */
  status: number;
  seconds: number;
}>('request.ended');

/** A worker process of ROLE all has ended without being asked to, and is replaced. */
export const workerRestarted = new TelemetryEvent<{ pid: number | undefined }>('worker.restarted');
