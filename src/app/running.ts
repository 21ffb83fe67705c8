import type { LookupFunction } from 'node:net';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';

export interface AppOptions {
  config: Config;
  databaseUrl: string;
  log: Logger;
  /** How host names of callbacks and requests are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
}

/** A part of the product that runs in this process. */
export interface Running {
  /**
   * Takes no more work, ends or returns what is in hand, closes connections.
   *
   * @param leftMs the time left, for a part that can hurry
   */
  drain(leftMs?: number): Promise<void>;
}

/** From the signal to the end of the process, at most. */
export const DRAIN_MS = 25_000;
/** The part of it for parts that take work; the rest is for the database. */
export const WORK_DRAIN_MS = 22_500;
/**
 * The part of it for jobs and requests to end by themselves; the rest is for recording and returning work.
 */
export const JOB_GRACE_MS = 20_000;
export const QUEUE_CONNECTIONS = 4;
