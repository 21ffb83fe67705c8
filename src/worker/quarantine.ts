/**
 * Messages whose worker died run in a child process, each job announced before it starts: so it is known
 * which ones ran when the process ended. Those are tried again, each alone, in a fresh process; one that ends
 * the process three times when alone fails, and its neighbours go on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toAsyncId } from '../domain/batch.ts';
import type { RunChunkDeps } from '../pipeline/run-chunk.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import type { Condemned, QuarantineReport, QuarantineTask } from './quarantine-process.ts';
import type { ProcessLimits } from './watchdog.ts';

/** A job that ended this many processes is failed (docs/operating.md). */
const MAX_KILLS = 3;
const ENTRY = fileURLToPath(new URL('../main.ts', import.meta.url));
/** A process that ends before it has started any job says nothing about jobs: the database may be away. */
const MAX_FAILED_STARTS = 5;

export interface QuarantineDeps extends RunChunkDeps {
  /** Of the processes that run the jobs; production's when absent. */
  limits?: ProcessLimits | undefined;
}

export async function runInQuarantine(
  deps: QuarantineDeps,
  queueName: string,
  claim: Claim<ChunkMessage>,
): Promise<void> {
  const kills = new Map<number, number>();
  const condemned: Condemned[] = [];
  let suspects: number[] = [];
  for (let failedStarts = 0; failedStarts < MAX_FAILED_STARTS; ) {
    const end = await runChild(deps, { queueName, claim, condemned, suspects, limits: deps.limits });
    if (end.done) return;
    if (deps.draining.aborted) throw new Error('the quarantine process ended while the worker was draining');
    suspects = suspects.filter((index) => !end.cleared.has(index));
    if (end.alone === null) {
      // Several ran: each of them is tried alone. None: the process says nothing about jobs.
      if (end.together.length === 0) await delay(500 * ++failedStarts);
      suspects = [...new Set([...suspects, ...end.together])];
      continue;
    }
    const count = (kills.get(end.alone) ?? 0) + 1;
    kills.set(end.alone, count);
    const asyncId = toAsyncId(claim.message.batch);
    deps.log.warn({ asyncId, index: end.alone, kills: count, how: end.how }, 'a job ended its process');
    if (count < MAX_KILLS) continue;
    const { attempt } = claim.message;
    condemned.push({
      index: end.alone,
      message: `the job ${end.how}, ${count} times`,
      attempts: attempt + count - 1,
    });
    suspects = suspects.filter((index) => index !== end.alone);
  }
  throw new Error('the quarantine process cannot be started');
}

interface ChildEnd {
  /** The message is settled. */
  done: boolean;
  /** The suspect that ran alone when the process ended; null for none. */
  alone: number | null;
  /** The jobs that had been started beside one another, those that have ended since among them. */
  together: number[];
  /** Suspects that have proved harmless. */
  cleared: Set<number>;
  how: string;
}

async function runChild(deps: RunChunkDeps, task: QuarantineTask): Promise<ChildEnd> {
  const child = fork(ENTRY, ['quarantine'], { serialization: 'advanced' });
  const end: ChildEnd = { done: false, alone: null, together: [], cleared: new Set(), how: '' };
  child.on('message', (report: QuarantineReport) => {
    if (report.kind === 'ready') child.send(task, () => {});
    else if (report.kind === 'started' && report.alone) end.alone = report.indexes[0] ?? null;
    else if (report.kind === 'started') end.together.push(...report.indexes);
    else if (report.kind === 'cleared') {
      end.cleared.add(report.index);
      end.alone = null;
    }
    // Not else: under watch mode Node itself reports to whoever forked the process.
    else if (report.kind === 'done') end.done = true;
  });
  const onDrain = () => child.kill('SIGTERM');
  deps.draining.addEventListener('abort', onDrain, { once: true });
  try {
    end.how = howItEnded(...(await ended(child)));
    return end;
  } finally {
    deps.draining.removeEventListener('abort', onDrain);
  }
}

async function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  // `close` rather than `exit`: by then every report that it sent has been read.
  const [code, signal] = await Promise.race([
    once(child, 'close'),
    once(child, 'error').then(() => [null, null]),
  ]);
  return [code, signal];
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGXCPU') return 'blocked the event loop of its process';
  // V8 aborts at the end of its heap, the watchdog at the limit for the whole process.
  if (signal === 'SIGABRT' || code === 134) return 'exhausted the memory of its process';
  return `ended its process (${signal ?? `exit code ${code}`})`;
}
