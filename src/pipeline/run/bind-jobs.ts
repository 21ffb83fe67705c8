/** Gives jobs their values before they run, one by one or some together. */
import type { Outcome, RecordableOutcome } from '../../domain/outcome.ts';
import { isTemporary } from '../../postgres/errors.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { LoadedChunk } from '../../store/chunks.ts';
import { Binder, type BinderOptions } from './binder.ts';
import { failed, type PendingJob } from './execute.ts';
import type { JobGroup } from './open-jobs.ts';
import type { RunScope } from './run-scope.ts';

/** Characters of params with values that run together. */
const MAX_TOGETHER = 4 * 1024 * 1024;

/** Jobs that get values from the responses of others get them when they start. */
export function bindLater(
  {
    pool,
    largeJobs,
    plannedJobs,
    stopping,
  }: Pick<BinderOptions, 'pool' | 'largeJobs' | 'stopping'> & {
    plannedJobs: Pick<BinderOptions, 'responses' | 'boundRoom'>;
  },
  { batch: batchId, generation }: ChunkMessage,
  { sources = new Map(), texts = new Map(), total = 0 }: LoadedChunk,
  jobs: readonly PendingJob[],
): void {
  const { responses, boundRoom } = plannedJobs;
  const batch = { batchId, generation, total, texts, sources };
  const binder = new Binder({ pool, responses, boundRoom, largeJobs, stopping, ...batch });
  for (const job of jobs) if (sources.has(job.index)) job.binder = binder;
}

/** The params of a message's jobs with their values, as JSON text, by index; undefined for a job that gets none. */
export function requestsOf(jobs: readonly PendingJob[]): (index: number) => Promise<string | undefined> {
  const bound = new Map(jobs.flatMap((job) => (job.binder ? [[job.index, job] as const] : [])));
  return async (index) => {
    const job = bound.get(index);
    return job && (await job.binder?.bind(index, job.entry))?.request;
  };
}

/** The job with its params; or its outcome when it cannot run. A job that gets no values is returned as it is. */
export async function bindJob(scope: RunScope, job: PendingJob): Promise<PendingJob | Outcome> {
  const { binder, ...rest } = job;
  if (!binder) return job;
  try {
    const bound = await binder.bind(job.index, job.entry);
    return 'error' in bound ? neverRan(job.index, scope.attempt, bound) : { ...rest, ...bound };
  } catch (error) {
    // The database is away and the process stops.
    if (isTemporary(error)) return { index: job.index, status: 'retry', delaySeconds: 1, failed: null };
    return failed(job, error, scope, Date.now());
  }
}

export function isOutcome(bound: PendingJob | Outcome): bound is Outcome {
  return 'status' in bound;
}

/** Another run would get the same values. */
function neverRan(
  index: number,
  attempt: number,
  { error, request }: { error: string; request?: string },
): RecordableOutcome {
  const outcome: RecordableOutcome = {
    index,
    status: 'failed',
    response: error,
    attempts: attempt - 1,
    startedAt: null,
    finishedAt: Date.now(),
  };
  return request === undefined ? outcome : { ...outcome, request };
}

/** The outcome of a job's run, with the params that the job got. */
export function withRequest<Of extends Outcome>(outcome: Of, job: PendingJob | undefined): Of {
  if (job?.request === undefined) return outcome;
  const { request } = job;
  if (outcome.status !== 'retry') return { ...outcome, request };
  return outcome.failed ? { ...outcome, failed: { ...outcome.failed, request } } : outcome;
}

/**
 * Takes jobs out of the group to run together: all, or as many as have their values in memory at once.
 *
 * @param announce called before a job gets its values
 */
export async function takeTogether(
  scope: RunScope,
  group: JobGroup,
  announce: ((indexes: number[]) => Promise<void>) | undefined,
): Promise<{ given: readonly PendingJob[]; jobs: readonly PendingJob[]; outcomes: Outcome[] }> {
  const all = group.takeAll();
  if (!all.some(({ binder }) => binder)) return { given: all, jobs: all, outcomes: [] };
  const given: PendingJob[] = [];
  const jobs: PendingJob[] = [];
  const outcomes: Outcome[] = [];
  let taken = 0;
  for (let length = 0; taken < all.length && length < MAX_TOGETHER; taken++) {
    const job = all[taken] as PendingJob;
    await announce?.([job.index]);
    const bound = await bindJob(scope, job);
    if (isOutcome(bound)) {
      outcomes.push(bound);
      continue;
    }
    given.push(job);
    jobs.push(bound);
    length += bound.request?.length ?? 0;
  }
  group.putBack(all.slice(taken));
  return { given, jobs, outcomes };
}
