import pLimit, { type LimitFunction } from 'p-limit';
import type { RegisteredAction } from '../../registry/registry.ts';

/** An action with shorter runs has free slots again before another message could be fetched. */
const QUICK_MS = 10;
/** An action whose waiting jobs need longer than this has enough of them. The next chunk is loaded in less. */
const ENOUGH_MS = 50;
/** The jobs of a later chunk, at least. */
const CHUNK_JOBS = 1000;
/** The weight of the latest run in the mean run time. */
const WEIGHT = 0.2;

/** The slots of one action in this process: the limit of its concurrent runs, over all batches. */
export class ActionSlot {
  readonly limit: LimitFunction;
  /** Jobs of messages in hand that wait for a slot. */
  waiting = 0;
  readonly #onFree: () => void;
  #running = 0;
  #meanMs = Number.POSITIVE_INFINITY;
  #endedAt = 0;

  constructor(concurrency: number, onFree: () => void) {
    this.limit = pLimit(concurrency);
    this.#onFree = onFree;
  }

  /** True when all slots are taken by runs that take time. */
  get isFull(): boolean {
    return this.#running >= this.limit.concurrency;
  }

  /** How many runs could begin now; null for quick actions, where it does not matter. */
  get room(): number | null {
    if (this.#running === 0 || this.#isQuick()) return null;
    return Math.max(0, this.limit.concurrency - this.#running - this.waiting);
  }

  /** How long the jobs that wait for a slot need until all of them have begun, in ms; 0 while unknown. */
  get backlogMs(): number {
    return this.#meanMs === Number.POSITIVE_INFINITY ? 0 : this.#timeOf(this.waiting);
  }

  /** How many later chunks may be taken: one after the other where a chunk takes time; null for all others. */
  get laterRoom(): number | null {
    if (this.backlogMs > ENOUGH_MS) return 0;
    const isLong = this.#meanMs !== Number.POSITIVE_INFINITY && this.#timeOf(CHUNK_JOBS) > ENOUGH_MS;
    return isLong ? 1 : null;
  }

  /** An asynchronous run begins. Returns its start time, for `end`. */
  begin(): number {
    this.#running++;
    return performance.now();
  }

  end(begunAt: number): void {
    this.#running--;
    this.#endedAt = performance.now();
    const took = this.#endedAt - begunAt;
    const isFirst = this.#meanMs === Number.POSITIVE_INFINITY;
    this.#meanMs = isFirst ? took : this.#meanMs + WEIGHT * (took - this.#meanMs);
    this.#onFree();
  }

  #timeOf(jobs: number): number {
    return (jobs * this.#meanMs) / this.limit.concurrency;
  }

  /** An action that used to be quick no longer counts as quick when all slots are taken and no run ends. */
  #isQuick(): boolean {
    const stands = this.isFull && performance.now() - this.#endedAt > QUICK_MS;
    return this.#meanMs < QUICK_MS && !stands;
  }
}

export class ActionSlots {
  readonly #slots = new Map<string, ActionSlot>();
  readonly #listeners: ((action: string) => void)[] = [];

  of({ name, concurrency }: RegisteredAction): ActionSlot {
    let slot = this.#slots.get(name);
    if (!slot) {
      slot = new ActionSlot(concurrency, () => {
        for (const listener of this.#listeners) listener(name);
      });
      this.#slots.set(name, slot);
    }
    return slot;
  }

  /** The listener gets the action's name when a run of it has ended. */
  onFree(listener: (action: string) => void): void {
    this.#listeners.push(listener);
  }

  /** False when no run of the action could begin now. */
  hasRoom(action: string): boolean {
    return (this.#slots.get(action)?.room ?? 1) > 0;
  }

  /** True when all slots of the action are taken by runs that take time. */
  isFull(action: string): boolean {
    return this.#slots.get(action)?.isFull ?? false;
  }

  /** True when the action has jobs enough to go on with: its next chunk is left to other processes. */
  hasEnough(action: string): boolean {
    return this.#slots.get(action)?.laterRoom === 0;
  }

  /** What a fetch may take: free slots, and later chunks, of the actions that limit them. */
  room(): { free: Record<string, number>; later: Record<string, number> } {
    const free: Record<string, number> = {};
    const later: Record<string, number> = {};
    for (const [name, slot] of this.#slots) {
      if (slot.room !== null) free[name] = slot.room;
      if (slot.laterRoom !== null) later[name] = slot.laterRoom;
    }
    return { free, later };
  }
}
