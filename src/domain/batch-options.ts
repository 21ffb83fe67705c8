/** The options of a `run` request. */

/** Other names are an error. */
export interface BatchOptions {
  skipInvalid?: boolean;
  /** A text of the caller, shown in every view of the batch. */
  name?: string;
  /** Further texts of the caller, by name. */
  metadata?: Readonly<Record<string, string>>;
  /** Jobs of the batch that run at once, over all processes. */
  concurrency?: number;
  /** Starts of its jobs in a period, over all processes. */
  rate?: { limit: number; perSeconds: number };
  /** From -100 to 100, 0 if absent: of a tenant's waiting jobs, those of the highest start first. */
  priority?: number;
  /** As in RFC 3339: no job starts before. */
  startAt?: string;
  /** From the taking in: what has not started by then is cancelled. */
  deadlineSeconds?: number;
  /** The batch is cancelled when so many of its jobs have failed. */
  stopAfter?: StopAfter;
  /** Headers that its callback carries in addition; they may be secrets. */
  callbackHeaders?: Readonly<Record<string, string>>;
  /** When its callback is sent: always at the end, or only when some job has not succeeded. */
  callbackOn?: CallbackOn;
}

export interface StopAfter {
  failed?: number;
  /** Of those that have succeeded or failed, once there are `finished` of them. */
  failedPercent?: number;
  finished?: number;
}

/** Priorities are whole numbers from -100 to 100. */
export const MAX_PRIORITY = 100;

export const CALLBACK_ON = ['end', 'failure'] as const;
export type CallbackOn = (typeof CALLBACK_ON)[number];

export const BATCH_OPTIONS: readonly string[] = [
  'skipInvalid',
  'name',
  'metadata',
  'concurrency',
  'rate',
  'priority',
  'startAt',
  'deadlineSeconds',
  'stopAfter',
  'callbackHeaders',
  'callbackOn',
] satisfies (keyof BatchOptions)[];

/** Those that are a text: in a query their value is not JSON. */
export const TEXT_OPTIONS: readonly string[] = [
  'name',
  'startAt',
  'callbackOn',
] satisfies (keyof BatchOptions)[];

/** The options that are stored as they were sent; the others have columns of their own. */
export type StoredOptions = Omit<BatchOptions, 'name' | 'metadata' | 'callbackHeaders' | 'callbackOn'>;

/** True for a batch that may stop without a caller who cancels it. @param options JSON text */
export function mayStop(options: string): boolean {
  if (options === '{}') return false;
  const { deadlineSeconds, stopAfter }: StoredOptions = JSON.parse(options);
  return deadlineSeconds !== undefined || stopAfter !== undefined;
}

/** The priority of a batch; undefined for 0, which is not written into messages. @param options JSON text */
export function batchPriority(options: string): number | undefined {
  return options === '{}' ? undefined : (JSON.parse(options) as StoredOptions).priority || undefined;
}

/** True for a batch that stops when too many of its jobs have failed. @param options JSON text */
export function countsFailures(options: string): boolean {
  return options !== '{}' && (JSON.parse(options) as StoredOptions).stopAfter !== undefined;
}

/** The limits of a batch, in the form of an action's. */
export interface BatchLimits {
  concurrency?: { max: number };
  rate?: { limit: number; perSeconds: number };
}

/** @param options JSON text of the options. Null for a batch without limits */
export function batchLimits(options: string): BatchLimits | null {
  if (options === '{}') return null;
  const { concurrency, rate }: StoredOptions = JSON.parse(options);
  if (concurrency === undefined && rate === undefined) return null;
  return {
    ...(concurrency === undefined ? {} : { concurrency: { max: concurrency } }),
    ...(rate && { rate }),
  };
}
