/** The child's side of the quarantine: takes one task, runs its jobs, tells which, ends. */
import { failure, type RecordableOutcome } from '../domain/outcome.ts';
import type { PendingJob } from '../pipeline/execute.ts';
import { type JobRunner, type RunChunkDeps, runChunk } from '../pipeline/run-chunk.ts';
import { runJobs } from '../pipeline/run-jobs.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import { type ProcessLimits, startWatchdog } from './watchdog.ts';

/** A job that is not to run again, and why. */
export interface Condemned {
  index: number;
  message: string;
  attempts: number;
}

export interface QuarantineTask {
  queueName: string;
  claim: Claim<ChunkMessage>;
  condemned: Condemned[];
  /** Jobs that ran when a process ended: they are tried first, each alone. */
  suspects: number[];
  /** What this process may do before its watchdog ends it; production's when absent. */
  limits?: ProcessLimits | undefined;
}

export type QuarantineReport =
  | { kind: 'ready' }
  /** About to start: alone, or beside others. */
  | { kind: 'started'; indexes: number[]; alone: boolean }
  /** A suspect has ended well, and what it answered is settled. */
  | { kind: 'cleared'; index: number }
  | { kind: 'done' };

/** Resolves when the task that the parent sends is settled and the parent knows. */
export async function runQuarantineTask(deps: RunChunkDeps): Promise<void> {
  // Listening before the parent is told, lest the task be missed.
  const received = new Promise<QuarantineTask>((resolve) =>
    process.once('message', (task) => resolve(task as QuarantineTask)),
  );
  await report({ kind: 'ready' });
  const task = await received;
  startWatchdog(task.limits);
  await runChunk(deps, task.queueName, task.claim, apart(task));
  await report({ kind: 'done' });
}

/**
 * The suspects first, each alone; then all others side by side. Each is announced before it starts. What has
 * come so far is safe before the next suspect starts.
 */
function apart({ condemned, suspects }: QuarantineTask): JobRunner {
  return async (deps, claim, jobs, scope, recorder) => {
    const left: number[] = [];
    const others: PendingJob[] = [];
    for (const job of jobs) {
      const sentence = condemned.find(({ index }) => index === job.index);
      if (sentence) await recorder.add(failed(sentence));
      else if (!suspects.includes(job.index)) others.push(job);
    }
    for (const job of jobs.filter(({ index }) => suspects.includes(index))) {
      const announce = (indexes: number[]) => report({ kind: 'started', indexes, alone: true });
      left.push(...(await runJobs({ ...deps, announce }, claim, [job], scope, recorder)));
      await recorder.flush();
      await report({ kind: 'cleared', index: job.index });
    }
    const announce = (indexes: number[]) => report({ kind: 'started', indexes, alone: false });
    left.push(...(await runJobs({ ...deps, announce }, claim, others, scope, recorder)));
    return left.sort((a, b) => a - b);
  };
}

function failed({ index, message, attempts }: Condemned): RecordableOutcome {
  return failure(index, { errorCode: 500, message }, attempts, null);
}

function report(message: QuarantineReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
