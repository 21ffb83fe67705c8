/** Gives jobs their values before they run, one by one or some together. */
import type { Outcome, RecordableOutcome } from '../../domain/outcome.ts';
import { parsePointer } from '../../json/pointer.ts';
import { isTemporary } from '../../postgres/errors.ts';
import type { Gate } from '../throttle/gate.ts';
import { failed, type PendingJob } from './execute.ts';
import type { JobGroup } from './open-jobs.ts';
import type { RunScope } from './run-scope.ts';

/** Characters of params with values that run together. */
const MAX_TOGETHER = 4 * 1024 * 1024;

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

/**
 * The jobs with the gates that depend on their values, and the outcomes of those that cannot run. The params are made again
 * when the jobs run, because they may have to wait for long.
 *
 * @param options.pointersOf the places in an action's params that its limits depend on
 * @param options.mayGoOn false when no further job is to be started
 */
export async function withGates(
  scope: RunScope,
  jobs: readonly PendingJob[],
  options: {
    gatesOf: (entry: PendingJob['entry']) => ((params: unknown) => Gate) | null;
    pointersOf: (action: string) => string[];
    mayGoOn: () => boolean;
  },
): Promise<{ jobs: PendingJob[]; outcomes: Outcome[] }> {
  const open: PendingJob[] = [];
  const outcomes: Outcome[] = [];
  for (const job of jobs) {
    const gateOf = job.binder && options.gatesOf(job.entry);
    if (!gateOf || !options.mayGoOn() || !isLimitedBy(job, options.pointersOf(job.entry.name))) {
      open.push(job);
      continue;
    }
    const bound = await bindJob(scope, job);
    if (isOutcome(bound)) outcomes.push(bound);
    else open.push({ ...job, gate: gateOf(bound.params) });
  }
  return { jobs: open, outcomes };
}

/** True when a value may be at, in or around one of the places. */
function isLimitedBy({ binder, index }: PendingJob, pointers: readonly string[]): boolean {
  if (pointers.length === 0) return false;
  const paths = pointers.map((pointer) => parsePointer(pointer) ?? []);
  const places = binder?.placesOf(index) ?? [];
  return places.some((place) => paths.some((path) => isAround(place, path) || isAround(path, place)));
}

function isAround(outer: readonly string[], inner: readonly string[]): boolean {
  return outer.every((part, at) => part === inner[at]);
}
