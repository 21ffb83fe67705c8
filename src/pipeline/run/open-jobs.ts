import type { RegisteredAction } from '../../registry/registry.ts';
import type { ActionSlot, ActionSlots } from '../throttle/action-slots.ts';
import type { Gate } from '../throttle/gate.ts';
import type { PendingJob } from './execute.ts';

/** The jobs of one action in one message, or those of them that share all their limits. */
export class JobGroup {
  readonly entry: RegisteredAction;
  readonly slot: ActionSlot;
  /** Null for jobs without limits. */
  readonly gate: Gate | null;
  /** True while its jobs wait for a limit: they wait for no slot and need no lane. */
  isThrottled = false;
  /** The bucket that its jobs must wait for, when the action has been paused since they were fetched. */
  pausedBy: string | undefined;
  #jobs: readonly PendingJob[];
  #next = 0;
  #running = 0;
  #leaving = 0;
  readonly #empty = Promise.withResolvers<void>();
  readonly #onStart: () => void;

  constructor(
    entry: RegisteredAction,
    slot: ActionSlot,
    jobs: readonly PendingJob[],
    { gate, onStart }: { gate: Gate | null; onStart: () => void },
  ) {
    this.entry = entry;
    this.slot = slot;
    this.gate = gate;
    this.#jobs = jobs;
    this.#onStart = onStart;
    this.#addWaiting(jobs.length);
  }

  /** The number of jobs not started. */
  get open(): number {
    return this.#jobs.length - this.#next;
  }

  /** The number of jobs that were given up and are not yet in the queue again. */
  get leaving(): number {
    return this.#leaving;
  }

  /** The number of asynchronous runs under way in this group. */
  get running(): number {
    return this.#running;
  }

  /** Resolves when no job is left to start. */
  get empty(): Promise<void> {
    return this.#empty.promise;
  }

  /** The next job, to be started. */
  take(): PendingJob | undefined {
    const job = this.#jobs[this.#next];
    if (job) this.#started(1);
    return job;
  }

  /** All jobs that are left, to start together; they may be put back. */
  takeAll(): readonly PendingJob[] {
    const jobs = this.#jobs.slice(this.#next);
    this.#started(jobs.length, { mayComeBack: true });
    return jobs;
  }

  /** Puts these back, to be started one by one. */
  putBack(jobs: readonly PendingJob[]): void {
    this.#jobs = jobs;
    this.#next = 0;
    this.#addWaiting(jobs.length);
  }

  /** Gives up the jobs that are left and returns their indexes: none of them will be started. */
  giveUp(): number[] {
    const indexes = this.#jobs.slice(this.#next).map(({ index }) => index);
    this.#addWaiting(-indexes.length);
    this.#jobs = this.#jobs.slice(0, this.#next);
    this.#leaving += indexes.length;
    this.#empty.resolve();
    return indexes;
  }

  /** The jobs that were given up are in the queue again. */
  returned(): void {
    this.#leaving = 0;
  }

  /** An asynchronous run begins. Returns its start time, for `end`. */
  begin(): number {
    this.#running++;
    return this.slot.begin();
  }

  end(begunAt: number): void {
    this.#running--;
    this.slot.end(begunAt);
  }

  /** Jobs with limits do not count: the action's other jobs need not wait for them. */
  #addWaiting(count: number): void {
    if (this.gate === null) this.slot.waiting += count;
  }

  #started(count: number, { mayComeBack = false } = {}): void {
    this.#next += count;
    this.#addWaiting(-count);
    this.#onStart();
    if (this.open === 0 && !mayComeBack) this.#empty.resolve();
  }
}

/** Jobs of one action that were not started. */
export interface Rest {
  action: string;
  indexes: number[];
  /** The bucket of a limit that they wait for. */
  bucket?: string;
}

/** The jobs of a message that are not started, by action. */
export class OpenJobs {
  readonly groups: readonly JobGroup[];
  #startedAt: number | null = null;

  /** @param gatesOf the gates of an action's jobs; null when it has no limits */
  constructor(
    jobs: readonly PendingJob[],
    slots: ActionSlots,
    gatesOf: (entry: RegisteredAction) => ((params: unknown) => Gate) | null = () => null,
  ) {
    const onStart = () => {
      this.#startedAt = performance.now();
    };
    this.groups = [...Map.groupBy(jobs, ({ entry }) => entry)].flatMap(([entry, group]) => {
      const slot = slots.of(entry);
      const gateOf = gatesOf(entry);
      if (!gateOf) return [new JobGroup(entry, slot, group, { gate: null, onStart })];
      return [...Map.groupBy(group, ({ params, gate }) => gate ?? gateOf(params))].map(
        ([gate, limited]) => new JobGroup(entry, slot, limited, { gate, onStart }),
      );
    });
  }

  get size(): number {
    return this.groups.reduce((sum, { open }) => sum + open, 0);
  }

  /** When the last job was started, by `performance.now()`; null before the first. */
  get startedAt(): number | null {
    return this.#startedAt;
  }

  /** Gives up what is left of these groups, or of all. */
  giveUp(groups = this.groups): Rest[] {
    return groups
      .filter(({ open }) => open > 0)
      .map((group) => {
        const bucket = group.pausedBy ?? group.gate?.holdBy;
        return {
          action: group.entry.name,
          indexes: group.giveUp(),
          ...(bucket === undefined ? {} : { bucket }),
        };
      });
  }
}
