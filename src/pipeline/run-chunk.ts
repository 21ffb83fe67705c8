/** One message from its claim to its last settle. */

import { toAsyncId } from '../domain/batch.ts';
import type { LimitedLog } from '../domain/limited-log.ts';
import { failure } from '../domain/outcome.ts';
import type { Log, Services } from '../plugin/context.ts';
import { othersWait } from '../queue/inspect.ts';
import { type ChunkMessage, isQuarantine } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import type { Registry } from '../registry/registry.ts';
import { type LoadedChunk, loadChunk } from '../store/chunks.ts';
import { markRunning } from '../store/settle.ts';
import type { PendingJob } from './execute.ts';
import type { TransactionalDeps } from './execute-transactional.ts';
import { noteFailure } from './job-failures.ts';
import { Recorder } from './recorder.ts';
import { type ActionSlots, runJobs } from './run-jobs.ts';
import type { RunScope } from './run-scope.ts';
import { dropClaim } from './settle.ts';

export interface RunChunkDeps extends TransactionalDeps {
  registry: Registry;
  services: Services;
  slots: ActionSlots;
  log: Log & { child(bindings: object): Log };
  /** What this process tells of jobs that fail. */
  failures: LimitedLog;
  /** Aborted when the process drains: no further job is started. */
  draining: AbortSignal;
  /** Aborted when the grace is over: runs are aborted and go back uncharged. */
  stopping: AbortSignal;
  /** Called once when the lane starts nothing more because others wait, while jobs of it still run. */
  onYield?: () => void;
}

/** Runs jobs and tells the recorder; answers the indexes of those not started. */
export type JobRunner = (
  deps: RunChunkDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
  recorder: Recorder,
) => Promise<number[]>;

/** The first settle says that the batch runs. One that comes later than this is not waited for. */
const SHOW_RUNNING_MS = 100;
/** A lane holds a chunk this long when others wait for it. */
const YIELD_AFTER_MS = 1000;

/**
 * @param queueName the queue of actions that the message belongs to
 * @param runner how its jobs are run: side by side here, or each in the quarantine process
 */
export async function runChunk(
  deps: RunChunkDeps,
  queueName: string,
  claim: Claim<ChunkMessage>,
  runner: JobRunner = runJobs,
): Promise<void> {
  const { message } = claim;
  const asyncId = toAsyncId(message.batch);
  const chunk = await loadChunk(deps.pool, message.batch, message.chunk);
  if (!chunk || chunk.generation !== message.generation) return dropClaim(deps, claim);

  const log = deps.log.child({ asyncId, chunk: message.chunk, attempt: message.attempt });
  const recorder = new Recorder(deps, queueName, claim, chunk.readAt - Date.now());
  const halt = haltSignals(deps, recorder, queueName, claim);
  let showing: NodeJS.Timeout | undefined;
  try {
    const jobs = pendingJobs(deps.registry, queueName, message, chunk, recorder);
    if (chunk.cancelRequested) recorder.halt('cancelled');
    else if (chunk.state === 'queued' && jobs.length > 0)
      showing = setTimeout(showRunning, SHOW_RUNNING_MS, deps, message, performance.now());
    const scope: RunScope = {
      asyncId,
      tenant: chunk.tenant,
      attempt: message.attempt,
      log,
      services: deps.services,
      stopping: deps.stopping,
      reportProgress: (index, done, total) => recorder.progress(index, done, total),
      noteOutcome: (action, outcome) => noteFailure(deps.failures, action, asyncId, outcome),
      paramsAsSent: () => paramsAsSent(chunk),
    };
    const notStarted = recorder.halted
      ? jobs.map(({ index }) => index)
      : await runner(deps, claim, jobs, scope, recorder);
    await recorder.close(notStarted);
    // When it is not another lane's by now, its batch was restarted or is gone.
    if (recorder.halted === 'lost') await dropClaim(deps, claim);
  } finally {
    clearTimeout(showing);
    halt.clear();
    recorder.dispose();
  }
}

/** @param since when its first job began, by `performance.now()` */
function showRunning({ pool, log }: RunChunkDeps, message: ChunkMessage, since: number): void {
  markRunning(pool, message.batch, message.generation, performance.now() - since).catch((error: unknown) =>
    log.warn({ err: error, asyncId: toAsyncId(message.batch) }, 'the batch was not marked as running'),
  );
}

/** The message's jobs that have no result; what cannot run any more becomes a failed result at once. */
function pendingJobs(
  registry: Registry,
  queueName: string,
  message: ChunkMessage,
  chunk: LoadedChunk,
  recorder: Recorder,
): PendingJob[] {
  const recorded = new Set(chunk.recorded);
  const meant = message.indexes && new Set(message.indexes);
  const jobs: PendingJob[] = [];
  for (const [position, job] of parseJobs(chunk).entries()) {
    const index = chunk.firstIndex + position;
    // First of all: what skipInvalid let pass is recorded already, and need not even be an object.
    if (recorded.has(index) || (meant && !meant.has(index))) continue;
    const { namespace, action, params } = job;
    const entry = registry.get(namespace, action);
    if (entry) {
      if (entry.queue === queueName) jobs.push({ index, params, entry });
    } else {
      const error = { errorCode: 500, message: `there is no action ${namespace}.${action} any more` };
      void recorder.add(failure(index, error, message.attempt, null));
    }
  }
  return jobs;
}

function parseJobs({ jobs }: LoadedChunk): { namespace: string; action: string; params: unknown }[] {
  return JSON.parse(jobs);
}

/** Parsed again, since this is rare: a copy ahead would cost every group that does not fail. */
function paramsAsSent(chunk: LoadedChunk): (index: number) => unknown {
  const sent = parseJobs(chunk);
  return (index) => sent[index - chunk.firstIndex]?.params;
}

/** Halts the recorder when the process drains, and when others have waited for the lane long enough. */
function haltSignals(
  deps: RunChunkDeps,
  recorder: Recorder,
  queueName: string,
  { queue, message }: Claim<ChunkMessage>,
): { clear(): void } {
  const onDrain = () => recorder.halt('stopping');
  if (deps.draining.aborted) onDrain();
  deps.draining.addEventListener('abort', onDrain, { once: true });
  let yielded = false;
  const timer = setInterval(() => {
    if (isQuarantine(queue)) return; // a lane of its own, which nobody else waits for
    othersWait(deps.pool, queueName, message.batch).then(
      (waiting) => {
        if (!waiting) return;
        recorder.halt('yielding');
        if (!yielded) deps.onYield?.();
        yielded = true;
      },
      () => {}, // the database is away: nobody can be waiting for what cannot be fetched
    );
  }, YIELD_AFTER_MS);
  return {
    clear() {
      clearInterval(timer);
      deps.draining.removeEventListener('abort', onDrain);
    },
  };
}
