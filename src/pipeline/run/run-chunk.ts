/** One message from its claim to its last settle. */

import { toAsyncId } from '../../domain/batch.ts';
import { batchLimits, countsFailures, mayStop } from '../../domain/batch-options.ts';
import type { LimitedLog } from '../../domain/limited-log.ts';
import { failure, type RecordableOutcome } from '../../domain/outcome.ts';
import type { Log, Services } from '../../plugin/context.ts';
import { untilAvailable } from '../../postgres/until-available.ts';
import { currentClaim } from '../../queue/claims.ts';
import { type ChunkMessage, isQuarantine } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';
import { type LoadedChunk, loadChunk } from '../../store/chunks.ts';
import { markRunning } from '../../store/settle.ts';
import type { ChunkEnd } from '../../telemetry/events.ts';
import { chunkRun } from '../../telemetry/operations.ts';
import type { LargeJobChecker } from '../../validation/large-jobs.ts';
import type { Releaser } from '../plan/releaser.ts';
import { dropClaim, releaseMessage } from '../settle/settle.ts';
import type { SmallChunks } from '../settle/small-chunks.ts';
import type { ActionSlots } from '../throttle/action-slots.ts';
import type { Throttle } from '../throttle/throttle.ts';
import { bindLater, requestsOf } from './bind-jobs.ts';
import type { PendingJob } from './execute.ts';
import type { TransactionalDeps } from './execute-transactional.ts';
import { openJobs } from './gated-jobs.ts';
import { noteFailure } from './job-failures.ts';
import type { JobGroup, OpenJobs, Rest } from './open-jobs.ts';
import type { PlannedJobs } from './planned-jobs.ts';
import { type InHand, Recorder } from './recorder.ts';
import { type JobRun, runJobs } from './run-jobs.ts';
import type { RunScope } from './run-scope.ts';

export interface RunChunkDeps extends TransactionalDeps {
  registry: Registry;
  services: Services;
  slots: ActionSlots;
  throttle: Throttle;
  smallChunks: SmallChunks;
  plannedJobs: PlannedJobs;
  largeJobs: LargeJobChecker<RegisteredAction>;
  releaser: Releaser;
  log: Log & { child(bindings: object): Log };
  /** The log of failing jobs. */
  failures: LimitedLog;
  /** Aborted when the process drains: no further job is started. */
  draining: AbortSignal;
  /** Aborted when the grace period is over: runs are aborted and returned without counting as attempts. */
  stopping: AbortSignal;
}

/** Runs jobs and gives their outcomes to the recorder; returns those that were not started. */
export type JobRunner = (run: JobRun & RunChunkDeps, jobs: readonly PendingJob[]) => Promise<Rest[]>;

/** A message in hand, as seen by its lane. */
export interface MessageWork {
  readonly batch: string;
  readonly tenant: string;
  readonly jobs: OpenJobs;
  /** Returns the jobs of these groups, or of all, that are not started to the queue at once. */
  handBack(groups?: readonly JobGroup[]): void;
}

/**
 * The first settle marks the batch as running. When it would come later than this, the batch is marked
 * before.
 */
const SHOW_RUNNING_MS = 100;

interface RunOptions {
  onWork?: (work: MessageWork) => void;
  onReturned?: () => void;
  runner?: JobRunner;
}

/**
 * Runs the jobs of the message and settles it. Returns how the work on it ended.
 *
 * @param queueName the queue of actions that the message belongs to
 * @param options.onWork called with the message when its jobs are known
 * @param options.onReturned called when jobs of it are in the queue again, while others run
 * @param options.runner how its jobs are run: concurrently when absent
 * @param options.wasWorkedOn another process had the claim before: jobs may have left the message since
 */
export async function runChunk(
  deps: RunChunkDeps,
  queueName: string,
  first: Claim<ChunkMessage>,
  options: RunOptions & { wasWorkedOn?: boolean } = {},
): Promise<ChunkEnd> {
  const { wasWorkedOn, ...runOptions } = options;
  const startedAt = Date.now();
  const reread = () => currentClaim(deps.pool, first);
  const claimed = wasWorkedOn ? await untilAvailable(reread, { signal: deps.stopping }) : first;
  if (!claimed) return 'lost';
  const { batch, chunk: number, generation } = claimed.message;
  const load = () => loadJobs(deps, claimed.message);
  const chunk = await untilAvailable(load, { signal: deps.stopping });
  if (!chunk || chunk.generation !== generation) {
    await dropClaim(deps, claimed);
    return 'lost';
  }

  const claim = { ...claimed, message: { ...claimed.message, tenant: chunk.tenant } };
  const pending = pendingJobs(deps.registry, queueName, claim.message, chunk);
  if (chunk.sources) bindLater(deps, claim.message, chunk, pending.jobs);
  const { tenant, traceContext } = chunk;
  const { attempt } = claim.message;
  const jobs = pending.jobs.length;
  const asyncId = toAsyncId(batch);
  return chunkRun.run(
    { queue: queueName, asyncId, tenant, chunk: number, attempt, jobs, startedAt, traceContext },
    () => runLoaded(deps, { queueName, claim, chunk, ...pending }, runOptions),
  );
}

/** A message whose chunk is loaded. */
interface Loaded {
  queueName: string;
  claim: Claim<ChunkMessage>;
  chunk: LoadedChunk;
  /** The jobs to run. */
  jobs: PendingJob[];
  /** The outcomes of jobs that cannot run. */
  failures: RecordableOutcome[];
}

async function runLoaded(
  deps: RunChunkDeps,
  { queueName, claim, chunk, jobs, failures }: Loaded,
  { runner, ...options }: RunOptions,
): Promise<ChunkEnd> {
  const inHand = {
    queueName,
    claim,
    jobs,
    askedAt: chunk.askedAt,
    clock: chunk.readAt - Date.now(),
    ...stopsOf(chunk.options),
    requestOf: chunk.sources && requestsOf(jobs),
  };
  const recorder = new Recorder(deps, inHand);
  const haltAtDrain = () => recorder.halt('stopping');
  if (deps.draining.aborted) haltAtDrain();
  deps.draining.addEventListener('abort', haltAtDrain, { once: true });
  let showing: NodeJS.Timeout | undefined;
  try {
    for (const failed of failures) void recorder.add(failed);
    if (chunk.cancelRequested) recorder.halt('cancelled');
    else if (chunk.isHeld) recorder.halt('held');
    else if (chunk.state === 'queued' && jobs.length > 0)
      showing = setTimeout(showRunning, SHOW_RUNNING_MS, deps, claim.message, performance.now());
    const run = { ...deps, queueName, claim, recorder, scope: scopeOf(deps, inHand, chunk, recorder) };
    const rest = await (runner ?? sideBySide(options))(run, jobs);
    // The settle that follows marks the batch as running or ended.
    clearTimeout(showing);
    if (failures.length === 0 && mayGoBackAsItIs(run, jobs, rest)) {
      if (await releaseMessage(deps, claim)) return 'released';
      recorder.halt('cancelled');
    }
    await recorder.close(rest);
    // Unless another lane has it now, its batch was restarted or deleted.
    if (recorder.halted !== 'lost') return 'settled';
    await dropClaim(deps, claim);
    return 'lost';
  } finally {
    clearTimeout(showing);
    deps.draining.removeEventListener('abort', haltAtDrain);
    recorder.dispose();
  }
}

function stopsOf(options: string): Pick<InHand, 'mayStop' | 'countsFailures'> {
  return { mayStop: mayStop(options), countsFailures: countsFailures(options) };
}

/** Null when the batch was deleted. */
function loadJobs(deps: RunChunkDeps, message: ChunkMessage): Promise<LoadedChunk | null> {
  if (message.isPlanned && message.indexes) return deps.plannedJobs.load(message);
  return message.isSmall
    ? deps.smallChunks.load(message)
    : loadChunk(deps.pool, message.batch, message.chunk);
}

function scopeOf(
  deps: RunChunkDeps,
  { claim: { message }, clock }: InHand,
  chunk: LoadedChunk,
  recorder: Recorder,
): RunScope {
  const { batch, chunk: number, attempt, throttledSince } = message;
  const asyncId = toAsyncId(batch);
  return {
    asyncId,
    tenant: chunk.tenant,
    limits: batchLimits(chunk.options),
    attempt,
    throttledSince: throttledSince === undefined ? null : throttledSince - clock,
    log: deps.log.child({ asyncId, chunk: number, attempt }),
    services: deps.services,
    stopping: deps.stopping,
    reportProgress: (index, done, total) => recorder.progress(index, done, total),
    noteOutcome: (action, outcome) => noteFailure(deps.failures, action, asyncId, outcome),
    paramsAsSent: () => paramsAsSent(chunk),
  };
}

function sideBySide({ onWork, onReturned }: Omit<RunOptions, 'runner'>): JobRunner {
  return async (run, jobs) => {
    const open = await openJobs(run, jobs);
    const notStarted: Rest[] = [];
    function handBack(groups?: readonly JobGroup[]): void {
      const rest = open.giveUp(groups);
      if (rest.length === 0) return;
      // No job of it runs: it ends now, and the rest returns to the queue with its end.
      if (open.startedAt === null && open.size === 0) notStarted.push(...rest);
      else void handBackNow(rest, groups ?? open.groups);
    }
    async function handBackNow(rest: readonly Rest[], left: readonly JobGroup[]): Promise<void> {
      await run.recorder.handBack(rest);
      for (const group of left) group.returned();
      onReturned?.();
    }
    // Jobs in hand run to their end; the others must be free for other lanes when the batch goes on.
    void run.recorder.halting.then(() => run.recorder.halted === 'held' && handBack());
    onWork?.({ batch: run.claim.message.batch, tenant: run.scope.tenant, jobs: open, handBack });
    await runJobs({ ...run, hold: (group) => handBack([group]) }, open);
    return [...notStarted, ...open.giveUp()];
  };
}

/** True when nothing was done with the message, so that it can be claimed again unchanged. */
function mayGoBackAsItIs(
  { claim, recorder }: JobRun,
  jobs: readonly PendingJob[],
  rest: readonly Rest[],
): boolean {
  const { message, queue } = claim;
  // Held messages name the bucket that they wait for.
  if (recorder.halted === null && rest.some(({ bucket }) => bucket !== undefined)) return false;
  const left = rest.reduce((sum, { indexes }) => sum + indexes.length, 0);
  if (left === 0 || left < jobs.length || isQuarantine(queue)) return false;
  // A message of several actions would be fetched again at once: it returns as several messages, one per
  // action.
  if (recorder.halted === 'held' || recorder.halted === 'stopping') return true;
  return recorder.halted === null && message.action !== undefined;
}

/** @param since when its first job began, by `performance.now()` */
function showRunning({ pool, log }: RunChunkDeps, message: ChunkMessage, since: number): void {
  markRunning(pool, message.batch, message.generation, performance.now() - since).catch((error: unknown) =>
    log.warn({ err: error, asyncId: toAsyncId(message.batch) }, 'the batch was not marked as running'),
  );
}

/** The message's jobs that have no result. A job whose action is gone gets a failed result at once. */
function pendingJobs(
  registry: Registry,
  queueName: string,
  message: ChunkMessage,
  chunk: LoadedChunk,
): { jobs: PendingJob[]; failures: RecordableOutcome[] } {
  const recorded = new Set(chunk.recorded);
  const meant = message.indexes && new Set(message.indexes);
  const jobs: PendingJob[] = [];
  const failures: RecordableOutcome[] = [];
  const add = ({ namespace, action, params }: SentJob, index: number): void => {
    const entry = registry.get(namespace, action);
    if (entry) {
      if (entry.queue === queueName) jobs.push({ index, params, entry });
    } else {
      const error = { errorCode: 500, message: `there is no action ${namespace}.${action} any more` };
      failures.push(failure(index, error, message.attempt, null));
    }
  };
  if (chunk.texts) for (const [index, text] of chunk.texts) add(JSON.parse(text), index);
  else
    for (const [position, job] of parseJobs(chunk).entries()) {
      const index = chunk.firstIndex + position;
      // Checked first: jobs that skipInvalid refused have a result already, and may not even be objects.
      if (!recorded.has(index) && (!meant || meant.has(index))) add(job, index);
    }
  return { jobs, failures };
}

type SentJob = { namespace: string; action: string; params: unknown };

function parseJobs({ jobs }: LoadedChunk): SentJob[] {
  return JSON.parse(jobs);
}

/** Parsed again because it is rarely needed: a copy in advance would slow down every group. */
function paramsAsSent(chunk: LoadedChunk): (index: number) => unknown {
  const { texts } = chunk;
  if (texts) return (index) => (JSON.parse(texts.get(index) ?? '{}') as SentJob).params;
  const sent = parseJobs(chunk);
  return (index) => sent[index - chunk.firstIndex]?.params;
}
