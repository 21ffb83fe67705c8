/** Runs the jobs of a message side by side, each action up to its concurrency, until all ran or a halt. */
import pLimit, { type LimitFunction } from 'p-limit';
import type { Outcome } from '../domain/outcome.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import type { RegisteredAction } from '../registry/registry.ts';
import { isPromise } from './deadline.ts';
import { execute, executeMany, GroupError, type PendingJob } from './execute.ts';
import { executeTransactional, type TransactionalDeps } from './execute-transactional.ts';
import { PluginSql } from './plugin-sql.ts';
import type { Recorder } from './recorder.ts';
import type { RunScope } from './run-scope.ts';

/** Limits each action's runs in this process, over all batches. */
export interface ActionSlots {
  of(entry: RegisteredAction): LimitFunction;
}

export function createActionSlots(): ActionSlots {
  const limits = new Map<RegisteredAction, LimitFunction>();
  return {
    of(entry) {
      const limit = limits.get(entry) ?? pLimit(entry.concurrency);
      limits.set(entry, limit);
      return limit;
    },
  };
}

export interface RunJobsDeps extends TransactionalDeps {
  slots: ActionSlots;
  /** Told, and waited for, before a job starts: in case that the job ends this process. */
  announce?: ((indexes: number[]) => Promise<void>) | undefined;
}

/** Answers the indexes of the jobs that were not started, because the recorder halted. */
export async function runJobs(
  deps: RunJobsDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
  recorder: Recorder,
): Promise<number[]> {
  const groups = Map.groupBy(jobs, ({ entry }) => entry);
  const left = await Promise.all(
    [...groups].map(([entry, group]) => runGroup({ ...deps, claim, scope, recorder }, entry, group)),
  );
  return left.flat().sort((a, b) => a - b);
}

interface GroupDeps extends RunJobsDeps {
  claim: Claim<ChunkMessage>;
  scope: RunScope;
  recorder: Recorder;
}

async function runGroup(deps: GroupDeps, entry: RegisteredAction, group: PendingJob[]): Promise<number[]> {
  const { slots, recorder } = deps;
  const limit = slots.of(entry);
  const { runMany } = entry.action;
  const queue: JobQueue = { jobs: group, next: 0 };
  if (runMany && group.length > 1) {
    if (await inSlot(limit, recorder, () => runTogether(deps, entry, runMany, group))) return [];
    // It threw or must be undone: each job runs for itself, unless the recorder halted.
    if (recorder.halted === null) {
      const params = deps.scope.paramsAsSent();
      queue.jobs = group.map((job) => ({ ...job, params: params(job.index) }));
    }
  }
  async function runner(): Promise<void> {
    while (queue.next < group.length && (await inSlot(limit, recorder, () => runSlice(deps, queue))))
      if (queue.next < group.length) await nextTurn();
  }
  await Promise.all(Array.from({ length: Math.min(entry.concurrency, group.length) }, runner));
  return group.slice(queue.next).map(({ index }) => index);
}

/** False when nothing was run, for the halt came first: a lane must not wait for slots that others hold. */
async function inSlot(
  limit: LimitFunction,
  recorder: Recorder,
  run: () => Promise<boolean>,
): Promise<boolean> {
  if (recorder.halted !== null) return false;
  if (limit.activeCount < limit.concurrency && limit.pendingCount === 0) return limit(run);
  let begun = false;
  const answer = limit(() => {
    // The slot may come after the halt, when nobody waits for it any more.
    begun = recorder.halted === null;
    return begun ? run() : false;
  });
  await Promise.race([answer, recorder.halting]);
  return begun ? answer : false;
}

/** The jobs of one action in one message, taken from the front by several runners. */
interface JobQueue {
  jobs: readonly PendingJob[];
  next: number;
}

/** A slot is kept for this long while there are jobs: then others that wait for one have their turn. */
const MAX_SLICE_MS = 20;

/** Runs one job after the other until the slice is over. False when the recorder halted. */
async function runSlice(deps: GroupDeps, queue: JobQueue): Promise<boolean> {
  const { recorder } = deps;
  const startedAt = performance.now();
  for (let now = startedAt; now - startedAt < MAX_SLICE_MS && !mustTurn(now); now = performance.now()) {
    const looking = recorder.lookForCancel(now);
    if (looking) await looking;
    if (recorder.halted !== null) return false;
    const job = queue.jobs[queue.next];
    if (!job) return true;
    queue.next++;
    const running = runJob(deps, job);
    if (running) await running;
  }
  return true;
}

/** Since when the event loop has been seen not to turn; null when it has turned since. */
let heldSince: number | null = null;

/** Jobs that answer at once would keep the event loop from turning, which heartbeats and settles need. */
function mustTurn(now: number): boolean {
  if (heldSince === null) {
    heldSince = now;
    setImmediate(() => {
      if (heldSince === now) heldSince = null;
    });
  }
  return now - heldSince >= MAX_SLICE_MS;
}

/** Runners that wait for the event loop to turn. */
const waiting: (() => void)[] = [];

/** In the order of asking, one a turn: the first of them would take the time of each turn for itself. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(passTurn);
  });
}

function passTurn(): void {
  heldSince = null;
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(passTurn);
}

/** A promise only where there is something to wait for. */
function runJob(deps: GroupDeps, job: PendingJob): void | Promise<void> {
  const { recorder, scope, announce } = deps;
  if (announce || job.entry.transactional) return runAnnounced(deps, job);
  recorder.started(job.index);
  const outcome = execute(job, scope, sqlOf(deps, job.entry));
  return isPromise(outcome)
    ? outcome.then((late) => take(deps, job.entry, late))
    : take(deps, job.entry, outcome);
}

function take(
  { recorder, scope }: GroupDeps,
  entry: RegisteredAction,
  outcome: Outcome,
): void | Promise<void> {
  if (outcome.status !== 'succeeded') scope.noteOutcome(entry.name, outcome);
  return recorder.add(outcome);
}

async function runAnnounced(deps: GroupDeps, job: PendingJob): Promise<void> {
  const { recorder, scope, claim } = deps;
  await deps.announce?.([job.index]);
  recorder.started(job.index);
  if (!job.entry.transactional) {
    await take(deps, job.entry, await execute(job, scope, sqlOf(deps, job.entry)));
    return;
  }
  const answer = await executeTransactional(deps, claim, [job], scope);
  if (answer === 'lost') recorder.halt('lost');
  else if ('state' in answer) recorder.recorded([job.index], answer);
  else for (const outcome of answer.outcomes) await take(deps, job.entry, outcome);
}

async function runTogether(
  deps: GroupDeps,
  entry: RegisteredAction,
  runMany: NonNullable<RegisteredAction['action']['runMany']>,
  group: PendingJob[],
): Promise<boolean> {
  const { recorder, scope, claim } = deps;
  await recorder.lookForCancel(performance.now());
  if (recorder.halted !== null) return false;
  await deps.announce?.(group.map(({ index }) => index));
  for (const { index } of group) recorder.started(index);
  if (entry.transactional) {
    const answer = await executeTransactional(deps, claim, group, scope);
    if (answer === 'lost') recorder.halt('lost');
    if (answer === 'lost') return false;
    if ('outcomes' in answer) {
      if (answer.isOver) for (const outcome of answer.outcomes) await take(deps, entry, outcome);
      return answer.isOver;
    }
    recorder.recorded(
      group.map(({ index }) => index),
      answer,
    );
    return true;
  }
  try {
    const outcomes = await executeMany(entry, runMany, group, scope, sqlOf(deps, entry));
    for (const outcome of outcomes) await take(deps, entry, outcome);
    return true;
  } catch (error) {
    const err = error instanceof GroupError ? error.thrown : error;
    scope.log.warn(
      { err, action: entry.name, jobs: group.length },
      'runMany failed, its jobs run one by one',
    );
    return false;
  }
}

function sqlOf({ connections, claim }: GroupDeps, entry: RegisteredAction): PluginSql {
  return new PluginSql(connections, entry, claim.message.interruptions);
}
