import os from 'node:os';
import { Worker } from 'node:worker_threads';

export interface ProcessLimits {
  /** An action must not block the event loop this long: heartbeats stop, and so do all other jobs. */
  blockedSeconds: number;
  /** A process that runs jobs may grow to this size, or to half of the available memory. */
  rssBytes: number;
}

const PROCESS_LIMITS: ProcessLimits = { blockedSeconds: 10, rssBytes: 2 * 1024 ** 3 };
const TICK_MS = 100;
const BEAT_MS = 500;

/**
 * Ends this process when its event loop is blocked (SIGXCPU) or its memory grows without limit (SIGABRT). It
 * does so from a thread of its own, because the main thread could not. Another worker takes over the jobs.
 *
 * @param limits production's when absent; `blockedSeconds` must be over 1
 * @param memoryBytes the memory of the machine or its container
 * @returns ends the watch, for a process that goes on without a worker
 */
export function startWatchdog(
  limits: ProcessLimits = PROCESS_LIMITS,
  memoryBytes = availableMemory(),
): () => Promise<void> {
  const { blockedSeconds, rssBytes } = limits;
  const beats = new SharedArrayBuffer(4);
  const counter = new Int32Array(beats);
  const thread = new Worker(new URL('./watchdog-thread.mjs', import.meta.url), {
    // Without a loader: the thread then takes a few MB rather than dozens.
    execArgv: [],
    workerData: {
      beats,
      tickMs: TICK_MS,
      maxBlockedTicks: (blockedSeconds * 1000) / TICK_MS,
      maxRssBytes: Math.min(rssBytes, memoryBytes / 2),
    },
  });
  thread.unref();
  const beat = setInterval(() => Atomics.add(counter, 0, 1), BEAT_MS).unref();
  return async () => {
    await thread.terminate();
    clearInterval(beat);
  };
}

/** The container's memory limit, if there is a container. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < os.totalmem() ? constrained : os.totalmem();
}
