/**
 * Messages whose worker died run in one child process. Each job is announced before it starts, so it is known
 * which jobs ran when the process ended. Those are tried again, one at a time, in a new process. A job that
 * ends its process three times when alone fails; the other jobs go on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toAsyncId } from '../../domain/batch.ts';
import { ownModule } from '../../domain/own-module.ts';
import type { RunChunkDeps } from '../../pipeline/run/run-chunk.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim, Lane } from '../../queue/queue.ts';
import type { QuarantineOrder, QuarantineReport, QuarantineTask } from './child.ts';
import { howItEnded, passOn } from './process-end.ts';
import type { ProcessLimits } from './watchdog.ts';

/** A job that ended this many processes fails (docs/operating.md). */
const MAX_KILLS = 3;
const ENTRY = fileURLToPath(ownModule('../../main', import.meta.url));
/** A process that ends before it has started any job proves nothing about jobs: the database may be away. */
const MAX_FAILED_STARTS = 5;
/**
 * A process without messages waits this long for more before it ends, because starting one takes about as
 * long.
 */
const LINGER_MS = 1000;

export interface QuarantineOptions {
  /** Limits of the processes that run the jobs; production's when absent. */
  limits?: ProcessLimits | undefined;
  /** A job that ended this many processes fails; 3 when absent. */
  maxKills?: number | undefined;
  /** The environment of the processes; that of this process when absent. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Called with each new process. */
  onFork?: ((child: ChildProcess) => void) | undefined;
}

export type QuarantineDeps = RunChunkDeps & { quarantine?: QuarantineOptions | undefined };

interface Task extends QuarantineTask {
  lane: Lane;
  kills: Map<number, number>;
  settled: PromiseWithResolvers<void>;
}

/** How a process ended. */
interface ProcessEnd {
  /** The job that was being tried alone; null for none. */
  alone: { task: number; index: number } | null;
  /** The jobs that ran concurrently, by message; some of them may have ended since. */
  together: Map<number, number[]>;
  how: string;
  /** True when the parent asked it to end. */
  endRequested: boolean;
}

export class Quarantine {
  readonly #deps: QuarantineDeps;
  readonly #options: QuarantineOptions;
  readonly #tasks = new Map<number, Task>();
  #lastId = 0;
  #working = false;
  /** The child, when it is ready to take messages. */
  #child: ChildProcess | null = null;
  #requestEnd = () => {};
  #linger: NodeJS.Timeout | undefined;

  constructor(deps: QuarantineDeps) {
    this.#deps = deps;
    this.#options = deps.quarantine ?? {};
  }

  /** Resolves when the message is settled. Releases the lane when all its jobs are started. */
  async run(queueName: string, claim: Claim<ChunkMessage>, lane: Lane): Promise<void> {
    const id = ++this.#lastId;
    const task: Task = {
      id,
      queueName,
      claim,
      lane,
      failedForGood: [],
      toTryAlone: [],
      kills: new Map(),
      settled: Promise.withResolvers(),
    };
    this.#tasks.set(id, task);
    if (this.#child) send(this.#child, { kind: 'task', task: asSent(task) });
    else if (!this.#working) void this.#work();
    try {
      await task.settled.promise;
    } finally {
      this.#tasks.delete(id);
      if (this.#tasks.size === 0) this.#endSoon();
    }
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let failedStarts = 0; this.#tasks.size > 0; ) {
      const end = await this.#runChild();
      if (this.#deps.draining.aborted)
        this.#fail('the quarantine process ended while the worker was draining');
      else if (end.alone) this.#countKill(end.alone, end.how);
      else if (end.together.size > 0) this.#suspect(end.together);
      else if (end.endRequested) failedStarts = 0;
      else if (++failedStarts < MAX_FAILED_STARTS) await delay(500 * failedStarts);
      else this.#fail('the quarantine process cannot be started');
    }
    this.#working = false;
  }

  /** Starts a child, sends it all messages, and waits for its end. */
  async #runChild(): Promise<ProcessEnd> {
    const { env = process.env, onFork } = this.#options;
    const child = fork(ENTRY, ['quarantine'], {
      env,
      serialization: 'advanced',
      stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
    });
    onFork?.(child);
    const lastWords = passOn(child.stderr);
    const end: ProcessEnd = { alone: null, together: new Map(), how: '', endRequested: false };
    this.#requestEnd = () => {
      end.endRequested = true;
      this.#child = null;
      send(child, { kind: 'end' });
    };
    child.on('message', (report: QuarantineReport) => this.#take(child, report, end));
    const onDrain = () => child.kill('SIGTERM');
    this.#deps.draining.addEventListener('abort', onDrain, { once: true });
    try {
      const [code, signal] = await endOf(child);
      end.how = howItEnded(code, signal, lastWords());
      return end;
    } finally {
      this.#child = null;
      clearTimeout(this.#linger);
      this.#deps.draining.removeEventListener('abort', onDrain);
    }
  }

  /** In watch mode Node sends messages of its own to the parent process: these are ignored. */
  #take(child: ChildProcess, report: QuarantineReport, end: ProcessEnd): void {
    if (report.kind === 'ready') {
      send(child, {
        kind: 'first',
        limits: this.#options.limits,
        tasks: [...this.#tasks.values()].map(asSent),
      });
      this.#child = child;
    } else if (report.kind === 'started' && report.alone)
      end.alone = { task: report.task, index: report.indexes[0] ?? -1 };
    else if (report.kind === 'started') {
      end.together.set(report.task, [...(end.together.get(report.task) ?? []), ...report.indexes]);
      if (report.areLast) this.#tasks.get(report.task)?.lane.release();
    } else if (report.kind === 'cleared') {
      end.alone = null;
      this.#clear(report.task, report.index);
    } else if (report.kind === 'done') {
      end.together.delete(report.task);
      this.#tasks.get(report.task)?.settled.resolve();
    } else if (report.kind === 'failed') {
      end.together.delete(report.task);
      this.#tasks.get(report.task)?.settled.reject(new Error(report.message));
    }
  }

  #clear(id: number, index: number): void {
    const task = this.#tasks.get(id);
    if (task) task.toTryAlone = task.toTryAlone.filter((other) => other !== index);
  }

  #suspect(together: ReadonlyMap<number, number[]>): void {
    for (const [id, indexes] of together) {
      const task = this.#tasks.get(id);
      if (task) task.toTryAlone = [...new Set([...task.toTryAlone, ...indexes])];
    }
  }

  #countKill({ task: id, index }: { task: number; index: number }, how: string): void {
    const task = this.#tasks.get(id);
    if (!task) return;
    const { claim, kills } = task;
    const count = (kills.get(index) ?? 0) + 1;
    kills.set(index, count);
    const asyncId = toAsyncId(claim.message.batch);
    this.#deps.log.warn({ asyncId, index, kills: count, how }, 'a job ended its process');
    if (count < (this.#options.maxKills ?? MAX_KILLS)) return;
    const attempts = claim.message.attempt + count - 1;
    task.failedForGood.push({ index, message: `the job ${how}, ${count} times`, attempts });
    this.#clear(id, index);
  }

  #fail(message: string): void {
    for (const task of this.#tasks.values()) task.settled.reject(new Error(message));
    this.#tasks.clear();
  }

  #endSoon(): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      if (this.#tasks.size === 0 && this.#child) this.#requestEnd();
    }, LINGER_MS);
    this.#linger.unref();
  }
}

function asSent({ id, queueName, claim, failedForGood, toTryAlone }: Task): QuarantineTask {
  return { id, queueName, claim, failedForGood, toTryAlone };
}

function send(child: ChildProcess, order: QuarantineOrder): void {
  child.send(order, () => {}); // a child that is gone is noticed by its end
}

async function endOf(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  // `close` rather than `exit`: then every report that the child sent has been read.
  const [code, signal] = await Promise.race([
    once(child, 'close'),
    once(child, 'error').then(() => [null, null]),
  ]);
  return [code, signal];
}
