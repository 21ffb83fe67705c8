/** Finds out which limits jobs have to wait for, also where that depends on values that they get. */
import type { Outcome } from '../../domain/outcome.ts';
import { parsePointer } from '../../json/pointer.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import type { ActionSlots } from '../throttle/action-slots.ts';
import type { Gate } from '../throttle/gate.ts';
import type { Throttle } from '../throttle/throttle.ts';
import { bindJob, isOutcome } from './bind-jobs.ts';
import type { PendingJob } from './execute.ts';
import { OpenJobs } from './open-jobs.ts';
import type { Recorder } from './recorder.ts';
import type { RunScope } from './run-scope.ts';

/** The jobs with the gates of their limits: of their actions, and of their batch. */
export async function openJobs(
  {
    throttle,
    scope,
    claim,
    recorder,
    slots,
  }: {
    throttle: Throttle;
    scope: RunScope;
    claim: Claim<ChunkMessage>;
    recorder: Recorder;
    slots: ActionSlots;
  },
  jobs: readonly PendingJob[],
): Promise<OpenJobs> {
  const { limits } = scope;
  const gatesOf = throttle.gatesFor(scope.tenant, limits && { id: claim.message.batch, limits });
  if (!jobs.some(({ binder }) => binder)) return new OpenJobs(jobs, slots, gatesOf);
  const open = await withGates(scope, jobs, {
    gatesOf,
    pointersOf: (action) => throttle.pointersOf(action),
    mayGoOn: () => recorder.halted === null,
  });
  for (const outcome of open.outcomes) await recorder.add(outcome);
  return new OpenJobs(open.jobs, slots, gatesOf);
}

/**
 * The jobs with the gates that depend on their values, and the outcomes of those that cannot run. The params are made again
 * when the jobs run, because they may have to wait for long.
 *
 * @param options.pointersOf the places in an action's params that its limits depend on
 * @param options.mayGoOn false when no further job is to be started
 */
async function withGates(
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
