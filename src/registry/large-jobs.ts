import { Worker } from 'node:worker_threads';
import type { JobProblem, ValidJob } from './job.ts';
import type { Registry } from './registry.ts';

export interface LargeJobRequest {
  id: number;
  bytes: Uint8Array;
}

export interface LargeJobAnswer {
  id: number;
  syntaxError?: string;
  problem?: JobProblem;
  valid?: { id: string | number | undefined; name: string };
}

/** Jobs above this many bytes are parsed and checked in a thread: 256 KiB take about 3 ms, 20 MiB 300. */
export const LARGE_JOB_BYTES = 256 * 1024;

export interface LargeJobChecker {
  /** Throws SyntaxError when the bytes are no JSON. */
  check(bytes: Buffer): Promise<ValidJob | JobProblem>;
  close(): Promise<void>;
}

/** A thread that is started with the first large job and started anew should one end it. */
export function createLargeJobChecker(registry: Registry, roots: readonly string[]): LargeJobChecker {
  let thread: Worker | undefined;
  let nextId = 0;
  const waiting = new Map<number, { resolve(answer: LargeJobAnswer): void; reject(error: Error): void }>();

  function start(): Worker {
    const started = new Worker(new URL('./validation-thread.ts', import.meta.url), {
      workerData: { roots },
      // A job that would not fit is refused by MAX_JOB_BYTES; this bounds what parsing may blow it up to.
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    started.unref();
    started.on('message', (answer: LargeJobAnswer) => {
      waiting.get(answer.id)?.resolve(answer);
      waiting.delete(answer.id);
    });
    const ended = (error: Error) => {
      if (thread === started) thread = undefined;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    started.on('error', ended);
    started.on('exit', () => ended(new Error('the validation thread ended')));
    return started;
  }

  return {
    async check(bytes) {
      thread ??= start();
      const id = nextId++;
      const copy = Uint8Array.from(bytes);
      const answer = await new Promise<LargeJobAnswer>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        thread?.postMessage({ id, bytes: copy } satisfies LargeJobRequest, [copy.buffer]);
      });
      if (answer.syntaxError !== undefined) throw new SyntaxError(answer.syntaxError);
      if (answer.problem) return answer.problem;
      const [namespace = '', action = ''] = answer.valid?.name.split('.') ?? [];
      const entry = registry.get(namespace, action);
      if (!entry) throw new Error(`the validation thread knows ${answer.valid?.name}, the registry does not`);
      return { id: answer.valid?.id, entry };
    },
    async close() {
      await thread?.terminate();
    },
  };
}
