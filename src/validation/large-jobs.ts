import { Worker } from 'node:worker_threads';
import { ownModule } from '../domain/own-module.ts';
import type { JobPlan } from '../domain/plan/job-plan.ts';
import type { JobProblem, ValidJob } from './check-job.ts';

export interface LargeJobRequest {
  id: number;
  bytes: Uint8Array;
}

export interface LargeJobAnswer {
  id: number;
  /** The bytes as they were given: they are returned with the answer. */
  bytes: Uint8Array;
  syntaxError?: string;
  problem?: JobProblem;
  valid?: { id: string | number | undefined; namespace: string; action: string; plan: JobPlan | null };
}

/** Larger jobs are parsed and checked in a thread: 256 KiB take about 3 ms, 20 MiB 300 ms. */
export const LARGE_JOB_BYTES = 256 * 1024;

/** The thread keeps the memory of its last job, so it ends when it is idle for this long. */
const IDLE_MS = 10_000;

/** The result of a check, with the bytes, because the given ones were moved away. */
export interface CheckedLargeJob<Entry> {
  bytes: Buffer;
  checked: ValidJob<Entry> | JobProblem | SyntaxError;
}

/** The actions that jobs may name, with their params' schemas. */
export interface CheckedActions<Entry> {
  actions: readonly { name: string; schema: object }[];
  get(namespace: string, action: string): Entry | undefined;
}

export interface LargeJobChecker<Entry> {
  /** Moves the bytes to the thread instead of copying some MB; the answer returns them. */
  check(bytes: Buffer): Promise<CheckedLargeJob<Entry>>;
  close(): Promise<void>;
}

/** A thread that starts when a large job comes, and ends when it is idle. */
export function createLargeJobChecker<Entry>(registry: CheckedActions<Entry>): LargeJobChecker<Entry> {
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

  function checkedOf({ syntaxError, problem, valid }: LargeJobAnswer): CheckedLargeJob<Entry>['checked'] {
    if (syntaxError !== undefined) return new SyntaxError(syntaxError);
    if (problem) return problem;
    const entry = valid && registry.get(valid.namespace, valid.action);
    if (!entry) throw new Error('the validation thread knows an action that the registry does not know');
    return { id: valid.id, entry, plan: valid.plan };
  }

  return {
    async check(bytes) {
      const answer = await ask(bytes);
      const { buffer, byteOffset, byteLength } = answer.bytes;
      return { bytes: Buffer.from(buffer, byteOffset, byteLength), checked: checkedOf(answer) };
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

function startThread({ actions }: CheckedActions<unknown>): CheckThread {
  const waiting = new Map<number, { resolve(answer: LargeJobAnswer): void; reject(error: Error): void }>();
  let ended = false;
  const worker = new Worker(ownModule('./thread', import.meta.url), {
    // It gets schemas rather than files: it needs no loader, and uses the schemas loaded at the start.
    execArgv: [],
    workerData: { schemas: new Map(actions.map(({ name, schema }) => [name, schema])) },
    // MAX_JOB_BYTES limits the job's text; this limits the memory that parsing may take.
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
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, bytes } satisfies LargeJobRequest, [bytes.buffer as ArrayBuffer]);
      });
    },
    async end() {
      if (waiting.size > 0) return;
      ended = true;
      await worker.terminate();
    },
  };
}
