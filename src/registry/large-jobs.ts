import { Worker } from 'node:worker_threads';
import type { JobProblem, ValidJob } from './job.ts';
import type { RegisteredAction, Registry } from './registry.ts';

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

/** The thread keeps what its last job took: it ends when no further one comes for so long. */
const IDLE_MS = 10_000;

export interface LargeJobChecker {
  /** Throws SyntaxError when the bytes are no JSON. */
  check(bytes: Buffer): Promise<ValidJob<RegisteredAction> | JobProblem>;
  close(): Promise<void>;
}

/** A thread that is started when a large job comes, and ends when none does any more. */
export function createLargeJobChecker(registry: Registry): LargeJobChecker {
  let thread: CheckThread | undefined;
  let idle: NodeJS.Timeout | undefined;
  let nextId = 0;

  async function ask(bytes: Buffer): Promise<LargeJobAnswer> {
    clearTimeout(idle);
    if (!thread || thread.ended) thread = startThread(registry);
    const asked = thread;
    try {
      return await asked.ask(nextId++, bytes);
    } finally {
      idle = setTimeout(() => void asked.end(), IDLE_MS).unref();
    }
  }

  return {
    async check(bytes) {
      const answer = await ask(bytes);
      if (answer.syntaxError !== undefined) throw new SyntaxError(answer.syntaxError);
      if (answer.problem) return answer.problem;
      const [namespace = '', action = ''] = answer.valid?.name.split('.') ?? [];
      const entry = registry.get(namespace, action);
      if (!entry) throw new Error(`the validation thread knows ${answer.valid?.name}, the registry does not`);
      return { id: answer.valid?.id, entry };
    },
    async close() {
      clearTimeout(idle);
      await thread?.end();
    },
  };
}

interface CheckThread {
  readonly ended: boolean;
  ask(id: number, bytes: Buffer): Promise<LargeJobAnswer>;
  /** Does nothing while a job is being checked. */
  end(): Promise<void>;
}

function startThread({ actions }: Registry): CheckThread {
  const waiting = new Map<number, { resolve(answer: LargeJobAnswer): void; reject(error: Error): void }>();
  let ended = false;
  const worker = new Worker(new URL('./validation-thread.ts', import.meta.url), {
    // Schemas rather than files: no loader is needed, and what was loaded at the start is what counts.
    execArgv: [],
    workerData: { schemas: new Map(actions.map(({ name, schema }) => [name, schema])) },
    // A job that would not fit is refused by MAX_JOB_BYTES; this bounds what parsing may blow it up to.
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  worker.unref();
  worker.on('message', (answer: LargeJobAnswer) => {
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
  });
  const onEnd = (error: Error) => {
    ended = true;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('error', onEnd);
  worker.on('exit', () => onEnd(new Error('the validation thread ended')));
  return {
    get ended() {
      return ended;
    },
    ask(id, bytes) {
      const copy = Uint8Array.from(bytes);
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, bytes: copy } satisfies LargeJobRequest, [copy.buffer]);
      });
    },
    async end() {
      if (waiting.size > 0) return;
      ended = true;
      await worker.terminate();
    },
  };
}
