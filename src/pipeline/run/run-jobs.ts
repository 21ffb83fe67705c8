/**
 * Runs the jobs of a message concurrently, each action up to its concurrency, until all have run or a halt
 * begins.
 */
import type { Outcome } from '../../domain/outcome.ts';
import type { RegisteredAction } from '../../registry/registry.ts';
import type { ActionSlots } from '../throttle/action-slots.ts';
import { mustTurn, nextTurn } from '../throttle/event-loop-turns.ts';
import type { Gate } from '../throttle/gate.ts';
import { bindJob, isOutcome, takeTogether, withRequest } from './bind-jobs.ts';
import { isPromise } from './deadline.ts';
import { execute, executeMany, GroupError, type PendingJob } from './execute.ts';
import { executeTransactional, type TransactionalRun } from './execute-transactional.ts';
import type { JobGroup, OpenJobs } from './open-jobs.ts';
import type { Recorder } from './recorder.ts';
import { runGated } from './run-gated.ts';
import { PluginSql } from './sql/plugin-sql.ts';

/** What the runs of one message's jobs share. */
export interface JobRun extends TransactionalRun {
  slots: ActionSlots;
  recorder: Recorder;
  /** Called and awaited before a job starts, because the job may end this process. */
  announce?: ((indexes: number[]) => Promise<void>) | undefined;
  /** Returns the jobs of a group, which must wait for a limit. When absent, they wait here. */
  hold?: ((group: JobGroup) => void) | undefined;
}

/** Resolves when no job runs any more. Jobs still open then were not started, because the recorder halted. */
export async function runJobs(run: JobRun, { groups }: OpenJobs): Promise<void> {
  await Promise.all(groups.map((group) => runGroup(run, group)));
}

async function runGroup(run: JobRun, group: JobGroup): Promise<void> {
  const { gate } = group;
  if (gate) return runGated(run, group, gate, (permitted) => runPermitted(run, group, gate, permitted));
  const { runMany } = group.entry.action;
  while (runMany && group.open > 1 && (await inSlot(run, group, () => runTogether(run, group, runMany))));
  async function runner(): Promise<void> {
    while (group.open > 0 && (await inSlot(run, group, () => runSlice(run, group))))
      if (group.open > 0) await nextTurn();
  }
  await Promise.all(Array.from({ length: Math.min(group.entry.concurrency, group.open) }, runner));
}

/**
 * Runs jobs one after the other in a slot, as long as their limits let them start.
 *
 * @param permitted the permits of the first are taken
 */
async function runPermitted(run: JobRun, group: JobGroup, gate: Gate, permitted: boolean): Promise<boolean> {
  const { recorder } = run;
  let mayStart = permitted;
  const ran = await inSlot(run, group, async () => {
    const startedAt = performance.now();
    for (let now = startedAt; group.open > 0; now = performance.now()) {
      // A start comes right after its permits were taken, or it would come too close to the next.
      if (!mayStart) await recorder.lookForMarks(now);
      if (recorder.halted !== null || !(mayStart || gate.start())) break;
      mayStart = false;
      const job = group.take();
      try {
        const running = job && runJob(run, group, job);
        if (running) await running;
      } finally {
        gate.end();
      }
      if (now - startedAt >= MAX_SLICE_MS || mustTurn(now)) break;
    }
    return true;
  });
  // The halt came first, or others took the remaining jobs.
  if (mayStart) gate.end();
  return ran;
}

/** False when nothing was run: the halt came first, or other runners took the remaining jobs. */
async function inSlot({ recorder }: JobRun, group: JobGroup, run: () => Promise<boolean>): Promise<boolean> {
  const { limit } = group.slot;
  if (recorder.halted !== null) return false;
  if (limit.activeCount < limit.concurrency && limit.pendingCount === 0) return limit(run);
  let begun = false;
  const answer = limit(() => {
    // The slot may come after the halt; then it is not used.
    begun = recorder.halted === null;
    return begun ? run() : false;
  });
  await Promise.race([answer, recorder.halting, group.empty]);
  return begun ? answer : false;
}

/** A slot is kept for this long while there are jobs, then passed on to others that wait for one. */
const MAX_SLICE_MS = 20;

/** Runs one job after the other until the slice is over. False when the recorder has halted. */
async function runSlice(run: JobRun, group: JobGroup): Promise<boolean> {
  const { recorder } = run;
  const startedAt = performance.now();
  for (let now = startedAt; now - startedAt < MAX_SLICE_MS && !mustTurn(now); now = performance.now()) {
    const looking = recorder.lookForMarks(now);
    if (looking) await looking;
    if (recorder.halted !== null) return false;
    const job = group.take();
    if (!job) return true;
    const running = runJob(run, group, job);
    if (running) await running;
  }
  return true;
}

/** Returns a promise only when there is something to wait for. */
function runJob(run: JobRun, group: JobGroup, job: PendingJob): void | Promise<void> {
  const { recorder, scope, announce } = run;
  if (announce || job.binder || job.entry.transactional) return counted(group, runAnnounced(run, group, job));
  recorder.started(job.index);
  const outcome = execute(job, scope, sqlOf(run, job.entry));
  if (!isPromise(outcome)) return take(run, group, outcome);
  const begunAt = group.begin();
  return outcome.then((late) => {
    group.end(begunAt);
    return take(run, group, late);
  });
}

async function counted<T>(group: JobGroup, running: Promise<T>): Promise<T> {
  const begunAt = group.begin();
  try {
    return await running;
  } finally {
    group.end(begunAt);
  }
}

function take({ recorder, scope }: JobRun, group: JobGroup, outcome: Outcome): void | Promise<void> {
  if (outcome.status === 'succeeded') return recorder.add(outcome);
  scope.noteOutcome(group.entry.name, outcome);
  return recorder.add(heldBy(group, outcome));
}

/** A job that was refused for now waits for its bucket, which is put to sleep. */
function heldBy({ gate }: JobGroup, outcome: Outcome): Outcome {
  if (!gate || outcome.status !== 'retry' || outcome.throttledSince === undefined) return outcome;
  return { ...outcome, bucket: gate.throttle(outcome.delaySeconds) };
}

async function runAnnounced(run: JobRun, group: JobGroup, given: PendingJob): Promise<void> {
  const { recorder, scope } = run;
  await run.announce?.([given.index]);
  const job = given.binder ? await bindJob(scope, given) : given;
  if (isOutcome(job)) {
    await take(run, group, job);
    return;
  }
  if (await isHalted(recorder)) {
    group.putBack([given, ...group.takeAll()]);
    return;
  }
  recorder.started(job.index);
  if (!job.entry.transactional) {
    await take(run, group, withRequest(await execute(job, scope, sqlOf(run, job.entry)), job));
    return;
  }
  const answer = await executeTransactional(run, [job]);
  if (answer === 'lost') recorder.halt('lost');
  else if ('state' in answer) recorder.recorded([job.index], answer);
  else for (const outcome of answer.outcomes) await take(run, group, outcome);
}

/** Asked again right before the start, because a job's values may take long to come. */
async function isHalted(recorder: Recorder): Promise<boolean> {
  await recorder.lookForMarks(performance.now());
  return recorder.halted !== null;
}

type RunMany = NonNullable<RegisteredAction['action']['runMany']>;

/** False when runMany threw or its effects must be rolled back: the jobs then run one by one. */
async function runTogether(run: JobRun, group: JobGroup, runMany: RunMany): Promise<boolean> {
  const { recorder, scope } = run;
  if (await isHalted(recorder)) return false;
  const { given, jobs, outcomes } = await takeTogether(scope, group, run.announce);
  for (const outcome of outcomes) await take(run, group, outcome);
  if (jobs.length === 0) return true;
  if (await isHalted(recorder)) {
    group.putBack([...given, ...group.takeAll()]);
    return false;
  }
  const haveRun = await counted(group, runAll(run, group, runMany, jobs));
  if (haveRun) return true;
  const params = scope.paramsAsSent();
  group.putBack([...given.map((job) => ({ ...job, params: params(job.index) })), ...group.takeAll()]);
  return false;
}

async function runAll(
  run: JobRun,
  group: JobGroup,
  runMany: RunMany,
  jobs: readonly PendingJob[],
): Promise<boolean> {
  const { entry } = group;
  const { recorder, scope } = run;
  const indexes = jobs.map(({ index }) => index);
  await run.announce?.(indexes);
  for (const index of indexes) recorder.started(index);
  if (entry.transactional) {
    const answer = await executeTransactional(run, jobs);
    if (answer === 'lost') recorder.halt('lost');
    if (answer === 'lost') return false;
    if ('outcomes' in answer) {
      if (answer.isOver) for (const outcome of answer.outcomes) await take(run, group, outcome);
      return answer.isOver;
    }
    recorder.recorded(indexes, answer);
    return true;
  }
  try {
    const { outcomes } = await executeMany(entry, runMany, jobs, scope, sqlOf(run, entry));
    for (const [at, outcome] of outcomes.entries()) await take(run, group, withRequest(outcome, jobs[at]));
    return true;
  } catch (error) {
    const err = error instanceof GroupError ? error.thrown : error;
    scope.log.warn({ err, action: entry.name, jobs: jobs.length }, 'runMany failed, its jobs run one by one');
    return false;
  }
}

function sqlOf({ connections, claim }: JobRun, entry: RegisteredAction): PluginSql {
  return new PluginSql(connections, entry, claim.message.interruptions);
}
