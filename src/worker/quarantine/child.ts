/**
 * The child's side of the quarantine: takes messages, runs their jobs and reports which ones, until it is
 * asked to end.
 */
import { writeSync } from 'node:fs';
import { failure, type RecordableOutcome } from '../../domain/outcome.ts';
import type { PendingJob } from '../../pipeline/run/execute.ts';
import { openJobs } from '../../pipeline/run/gated-jobs.ts';
import { errorBody } from '../../pipeline/run/job-error.ts';
import type { Rest } from '../../pipeline/run/open-jobs.ts';
import { type JobRunner, type RunChunkDeps, runChunk } from '../../pipeline/run/run-chunk.ts';
import { runJobs } from '../../pipeline/run/run-jobs.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { QuarantineGate } from './gate.ts';
import { type ProcessLimits, startWatchdog } from './watchdog.ts';

/** A job that must not run again, and the reason. */
export interface FailedForGood {
  index: number;
  message: string;
  attempts: number;
}

/** A message as it is sent to the child. */
export interface QuarantineTask {
  id: number;
  queueName: string;
  claim: Claim<ChunkMessage>;
  failedForGood: FailedForGood[];
  /** Jobs that ran when a process ended: they are tried before all others, one at a time. */
  toTryAlone: number[];
}

export type QuarantineOrder =
  /** The first order. `limits`: when the watchdog ends this process; production's limits when absent. */
  | { kind: 'first'; limits?: ProcessLimits | undefined; tasks: QuarantineTask[] }
  | { kind: 'task'; task: QuarantineTask }
  | { kind: 'end' };

export type QuarantineReport =
  | { kind: 'ready' }
  /**
   * These jobs are about to start: alone in this process, or beside others. `areLast`: no other job of the
   * message is to be started.
   */
  | { kind: 'started'; task: number; indexes: number[]; alone: boolean; areLast: boolean }
  /** A job that was tried alone has ended, and its result is settled. */
  | { kind: 'cleared'; task: number; index: number }
  /** The message is settled. */
  | { kind: 'done'; task: number }
  /** The message is not settled, for a reason that has nothing to do with its jobs. */
  | { kind: 'failed'; task: number; message: string };

/** The parent looks for this among the last lines of stderr. */
export const UNCAUGHT = 'uncaught exception: ';

/**
 * Resolves when the parent has said that no more messages come, or the process drains, and all messages are
 * settled.
 */
export async function runQuarantineTasks(deps: RunChunkDeps): Promise<void> {
  reportUncaught();
  const gate = new QuarantineGate();
  const working = new Set<Promise<void>>();
  const ended = Promise.withResolvers<void>();
  deps.draining.addEventListener('abort', () => ended.resolve(), { once: true });

  function take(task: QuarantineTask): void {
    const work = runTask(deps, gate, task).finally(() => working.delete(work));
    working.add(work);
  }
  process.on('message', (order: QuarantineOrder) => {
    if (order.kind === 'end') ended.resolve();
    else if (order.kind === 'task') take(order.task);
    else if (order.kind === 'first') {
      startWatchdog(order.limits);
      for (const task of order.tasks) take(task);
    }
  });
  await report({ kind: 'ready' });
  await ended.promise;
  while (working.size > 0) await Promise.all(working);
}

/** Reports an exception that ends this process in a line of its own, before Node's. */
export function reportUncaught(): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    const msg = `${UNCAUGHT}${errorBody(error).message}`;
    writeSync(2, `${JSON.stringify({ level: 60, time: Date.now(), pid: process.pid, msg })}\n`);
  });
}

async function runTask(deps: RunChunkDeps, gate: QuarantineGate, task: QuarantineTask): Promise<void> {
  const { id, queueName, claim, toTryAlone } = task;
  const reservation = toTryAlone.length > 0 ? gate.reserve() : { done() {} };
  try {
    await runChunk(deps, queueName, claim, {
      runner: runnerOf(task, gate, reservation.done),
      wasWorkedOn: true,
    });
    await report({ kind: 'done', task: id });
  } catch (error) {
    await report({ kind: 'failed', task: id, message: (error as Error).message });
  } finally {
    reservation.done();
  }
}

/**
 * Runs the jobs that must be tried alone first, then all others concurrently. Each is announced before it
 * starts. Earlier outcomes are settled before the next job is tried alone.
 */
function runnerOf(
  { id, failedForGood, toTryAlone }: QuarantineTask,
  gate: QuarantineGate,
  allTried: () => void,
): JobRunner {
  return async (run, jobs) => {
    const rest: Rest[] = [];
    async function runThese(these: readonly PendingJob[], alone: boolean): Promise<void> {
      const open = await openJobs(run, these);
      const announce = (indexes: number[]) =>
        report({ kind: 'started', task: id, indexes, alone, areLast: !alone && open.size === 0 });
      await runJobs({ ...run, announce }, open);
      rest.push(...open.giveUp());
    }
    const others: PendingJob[] = [];
    for (const job of jobs) {
      const failed = failedForGood.find(({ index }) => index === job.index);
      if (failed) await run.recorder.add(failureOf(failed));
      else if (!toTryAlone.includes(job.index)) others.push(job);
    }
    for (const job of jobs.filter(({ index }) => toTryAlone.includes(index)))
      await gate.alone(async () => {
        await runThese([job], true);
        await run.recorder.flush();
        await report({ kind: 'cleared', task: id, index: job.index });
      });
    allTried();
    if (others.length > 0) await gate.beside(() => runThese(others, false));
    return rest;
  };
}

function failureOf({ index, message, attempts }: FailedForGood): RecordableOutcome {
  return failure(index, { errorCode: 500, message }, attempts, null);
}

/** Never rejects: without a parent the report has no reader, and this process drains. */
function report(message: QuarantineReport): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}
