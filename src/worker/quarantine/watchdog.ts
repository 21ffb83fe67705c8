import os from 'node:os';
import { Worker } from 'node:worker_threads';

export interface ProcessLimits {
  /** An action must not hold the event loop this long: heartbeats stop, and so do all other jobs. */
  blockedSeconds: number;
  /** A process that runs jobs may grow to this, or to half of the memory there is. */
  rssBytes: number;
}

const PROCESS_LIMITS: ProcessLimits = { blockedSeconds: 10, rssBytes: 2 * 1024 ** 3 };
const TICK_MS = 100;
const BEAT_MS = 500;

/**
 * Ends this process when its event loop is blocked (SIGXCPU) or its memory runs away (SIGABRT), from a thread
 * of its own: nothing in the main thread could. Its jobs are taken over by another worker.
 *
 * @param limits production's when absent; `blockedSeconds` is to be over 1
 * @param memoryBytes what the machine, or its container, has
 */
export function startWatchdog(
  { blockedSeconds, rssBytes }: ProcessLimits = PROCESS_LIMITS,
  memoryBytes = availableMemory(),
): void {
  const beats = new SharedArrayBuffer(4);
  const counter = new Int32Array(beats);
  const thread = new Worker(new URL('./watchdog-thread.mjs', import.meta.url), {
    // No loader: the thread costs a few MB rather than some dozens.
    execArgv: [],
    workerData: {
      beats,
      tickMs: TICK_MS,
      maxBlockedTicks: (blockedSeconds * 1000) / TICK_MS,
      maxRssBytes: Math.min(rssBytes, memoryBytes / 2),
    },
  });
  thread.unref();
  setInterval(() => Atomics.add(counter, 0, 1), BEAT_MS).unref();
}

/** What the container allows, where there is one. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < os.totalmem() ? constrained : os.totalmem();
}
