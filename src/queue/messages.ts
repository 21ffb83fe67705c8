/** An order to run the jobs of one chunk whose actions belong to the message's queue. */
export interface ChunkMessage {
  batch: string;
  /** Lanes are shared by tenant; absent in messages of the previous release. */
  tenant?: string;
  /** The action of all its jobs, `namespace.action`; absent when they have several. */
  action?: string | undefined;
  chunk: number;
  /** All chunks of its jobs, when they are in several; `chunk` is the first. */
  chunks?: number[] | undefined;
  /** The jobs of its batch depend on each other. */
  isPlanned?: true | undefined;
  /** The batch's: of its tenant's messages, those with the highest are fetched first. 0 when absent. */
  priority?: number | undefined;
  /**
   * The chunk is small: a lane has several such messages at once, and they are loaded and settled together.
   */
  isSmall?: true | undefined;
  /** The batch's generation when the message was sent; a message of an older generation records nothing. */
  generation: number;
  /** The number of the next run of its jobs: 1 for the first. */
  attempt: number;
  /**
   * Limits the message to these jobs, by index in the batch; when absent, it is for all that have no result.
   */
  indexes?: number[];
  /** The bucket of a limit that its jobs wait for: the message is held until there is room. */
  bucket?: string | undefined;
  /** How often a database outage interrupted the attempt without counting. */
  interruptions?: number;
  /**
   * When a called service first refused its jobs for now, in ms since the epoch by the database's clock. Runs
   * that it refuses do not count as attempts.
   */
  throttledSince?: number;
  /** The outcomes of the last runs of its jobs, as `encodeLastRuns` writes them. */
  lastRuns?: string;
}

/** True for jobs that have waited for another run. */
export function isRetry({ attempt, throttledSince }: ChunkMessage): boolean {
  return attempt > 1 || throttledSince !== undefined;
}

/** An order to deliver the callback of one completion. */
export interface CallbackMessage {
  batch: string;
  generation: number;
  /** 1 for the first attempt of this trigger. */
  attempt: number;
  trigger: 'completion' | 'repost';
  /**
   * How often the callback had been reposted when the message was sent; absent in messages of the previous
   * release.
   */
  reposts?: number;
  /** Lanes are shared by tenant; empty in messages of the previous release. */
  tenant: string;
  /** The host that is called: the lanes for one receiver are limited. */
  receiver: string;
}

/** A message that a lane holds. The attempt is the fence: a holder with an old claim changes nothing. */
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

/** The queue for its messages whose worker died: they run in a process of their own. */
export function quarantineQueue(queue: string): string {
  return `quarantine.${queue}`;
}

export function isQuarantine(queue: string): boolean {
  return queue.startsWith('quarantine.');
}

export const CALLBACK_QUEUE = 'callbacks';

/** The messages of each queue, in their order. */
export function messagesByQueue(
  messages: readonly { queueName: string; message: ChunkMessage }[],
): Map<string, ChunkMessage[]> {
  const byQueue = new Map<string, ChunkMessage[]>();
  for (const { queueName, message } of messages) {
    const queued = byQueue.get(queueName);
    if (queued) queued.push(message);
    else byQueue.set(queueName, [message]);
  }
  return byQueue;
}
