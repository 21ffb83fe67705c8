/** The child's side of the quarantine: takes one task, runs its jobs one by one, reports, ends. */
import { failure } from '../domain/outcome.ts';
import { type JobRunner, type RunChunkDeps, runChunk } from '../pipeline/run-chunk.ts';
import { runJobs } from '../pipeline/run-jobs.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';

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
  /** The job that is tried first, alone. */
  suspect: number | null;
}

export type QuarantineReport =
  | { kind: 'ready' }
  | { kind: 'started'; index: number }
  | { kind: 'ended'; index: number }
  | { kind: 'done' };

/** Resolves when the task that the parent sends is settled and the parent knows. */
export async function runQuarantineTask(deps: RunChunkDeps): Promise<void> {
  // Listening before the parent is told, lest the task be missed.
  const received = new Promise<QuarantineTask>((resolve) =>
    process.once('message', (task) => resolve(task as QuarantineTask)),
  );
  await report({ kind: 'ready' });
  const task = await received;
  await runChunk(deps, task.queueName, task.claim, oneByOne(task));
  await report({ kind: 'done' });
}

function oneByOne({ condemned, suspect }: QuarantineTask): JobRunner {
  return async (deps, claim, jobs, scope, recorder) => {
    const left: number[] = [];
    for (const job of [...jobs].sort((a, b) => Number(b.index === suspect) - Number(a.index === suspect))) {
      const sentence = condemned.find(({ index }) => index === job.index);
      if (sentence) {
        await recorder.add(
          failure(job.index, { errorCode: 500, message: sentence.message }, sentence.attempts, null),
        );
        continue;
      }
      if (recorder.halted !== null) {
        left.push(job.index);
        continue;
      }
      // Awaited until the parent's pipe has it: the job may end this process at once.
      await report({ kind: 'started', index: job.index });
      left.push(...(await runJobs(deps, claim, [job], scope, recorder)));
      // What has come so far is safe before the next job starts.
      await recorder.flush();
      await report({ kind: 'ended', index: job.index });
    }
    return left;
  };
}

function report(message: QuarantineReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
