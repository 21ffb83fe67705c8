/** Run the jobs of one chunk whose actions belong to the message's queue. */
export interface ChunkMessage {
  batch: string;
  /** Lanes are shared by tenant; absent in messages of the release before. */
  tenant?: string;
  /** The action of all its jobs, `namespace.action`; absent where they are of several. */
  action?: string | undefined;
  chunk: number;
  /** The chunk is a small one: a lane has several of these at once, and they are loaded and settled together. */
  isSmall?: true | undefined;
  /** The batch's generation when the message was sent; an older one records nothing. */
  generation: number;
  /** Runs are counted by the message: 1 for the first. */
  attempt: number;
  /** Only these jobs of the chunk, by their index in the batch; all that have no result when absent. */
  indexes?: number[];
  /** How often a database outage interrupted the attempt without being charged. */
  interruptions?: number;
  /** What the last runs of its jobs came to, as `encodeLastRuns` writes it. */
  lastRuns?: string;
}

/** Deliver the callback of one completion. */
export interface CallbackMessage {
  batch: string;
  generation: number;
  /** 1 for the first attempt of this trigger. */
  attempt: number;
  trigger: 'completion' | 'repost';
  /** How often the callback had been reposted when it was sent; absent in messages of the release before. */
  reposts?: number;
  /** Lanes are shared by tenant; empty in messages of the release before. */
  tenant: string;
  /** The host that it goes to: one receiver is called by so many lanes at once and no more. */
  receiver: string;
}

/** A message that a lane holds; the attempt is the fence: a stale holder changes nothing. */
export interface Claim<Message> {
  id: string;
  queue: string;
  retryCount: number;
  message: Message;
}

/** Chunks of the queue that actions name. */
export function chunkQueue(queue: string): string {
  return `jobs.${queue}`;
}

/** Chunks of that queue whose worker died: they run in a process of their own. */
export function quarantineQueue(queue: string): string {
  return `quarantine.${queue}`;
}

export function isQuarantine(queue: string): boolean {
  return queue.startsWith('quarantine.');
}

export const CALLBACK_QUEUE = 'callbacks';

/**
 * Of messages that were sent with a delay, so that they can be found by the time when they are due: lower than the
 * number of any chunk, which makes the priority of all others.
 */
export const DELAYED_PRIORITY = -2_000_000_000;

/** Of messages of small chunks. */
const SMALL_PRIORITY = 1;

/** Of what is left of a chunk whose first jobs were started: as a later chunk's, whichever it is. */
export function priorityOf(
  { chunk, isSmall }: ChunkMessage,
  { isDelayed = false, isRest = false } = {},
): number {
  if (isDelayed) return DELAYED_PRIORITY;
  if (isRest) return -Math.max(1, chunk);
  return isSmall ? SMALL_PRIORITY : -chunk;
}
