import type { Logger } from 'pino';
import type { Config } from '../config.ts';

export interface AppOptions {
  config: Config;
  databaseUrl: string;
  log: Logger;
}

/** Part of the product that runs in this process. */
export interface Running {
  /** Takes no more work, ends or gives back what is in hand, closes connections. */
  drain(): Promise<void>;
}

/** SIGTERM to exit, at most; the last of it is for closing connections. */
export const DRAIN_MS = 25_000;
export const JOB_GRACE_MS = 20_000;
export const QUEUE_CONNECTIONS = 4;
