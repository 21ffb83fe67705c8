/** Events of this process, for listeners such as logs, metrics and tests. */
import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

/** A kind of event. Its channel is `batchwright:` and the name, so that tools of Node can listen too. */
export class TelemetryEvent<Fields extends object> {
  readonly #channel: Channel;

  constructor(name: string) {
    this.#channel = channel(`batchwright:${name}`);
  }

  /** Calls the listeners before it returns. Without listeners it does nothing. */
  emit(fields: Fields): void {
    if (this.#channel.hasSubscribers) this.#channel.publish(fields);
  }

  /** Returns a function that ends the listening. */
  listen(listener: (fields: Fields) => void): () => void {
    const { name } = this.#channel;
    const onMessage = (fields: unknown) => listener(fields as Fields);
    subscribe(name, onMessage);
    return () => void unsubscribe(name, onMessage);
  }
}

/** A chunk as its message names it. */
interface ChunkFields {
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
  counts: { total: number; succeeded: number; failed: number; cancelled: number };
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
