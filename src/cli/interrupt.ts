/** Ctrl-C and other signals, for commands that must put something right before they end. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal ended the command; the exit code says which, as shells do. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(signal: (typeof SIGNALS)[number]) {
    super(`ended by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Calls `work` with a signal that is aborted, with an InterruptedError, when the user wants the command to end. Signals
 * may come twice; a `work` that does not end within 2 s is left.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (name: (typeof SIGNALS)[number]) => {
    const error = new InterruptedError(name);
    controller.abort(error);
    setTimeout(() => process.exit(error.exitCode), 2_000).unref();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}
