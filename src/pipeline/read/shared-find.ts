/** Shares a look into the database among all who ask for the same at about the same time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Caller, isOperator } from '../../domain/caller.ts';

/** Nobody waits longer for others, and the same is looked for 20 times a second at most. */
const PAUSE_MS = 50;

interface Shared<T> {
  /** By `performance.now()`: when the last look began. */
  begunAt: number;
  /** A look that has not begun. */
  next: Promise<T> | undefined;
}

export class SharedFind<T> {
  readonly #byKey = new Map<string, Shared<T>>();

  /** What `find` returns, of a look that begins after the call: it is never older than the question. */
  get(key: string, find: () => Promise<T>): Promise<T> {
    const shared = this.#byKey.get(key) ?? { begunAt: Number.NEGATIVE_INFINITY, next: undefined };
    if (shared.next) return shared.next;
    this.#byKey.set(key, shared);
    const pauseMs = shared.begunAt + PAUSE_MS - performance.now();
    if (pauseMs <= 0) return this.#look(key, shared, find);
    shared.next = sleep(pauseMs).then(() => {
      shared.next = undefined;
      return this.#look(key, shared, find);
    });
    return shared.next;
  }

  #look(key: string, shared: Shared<T>, find: () => Promise<T>): Promise<T> {
    shared.begunAt = performance.now();
    const forget = () => {
      if (!shared.next && performance.now() - shared.begunAt >= PAUSE_MS) this.#byKey.delete(key);
    };
    setTimeout(forget, PAUSE_MS + 1).unref();
    return find();
  }
}

/** Part of the key of what differs between tenants, and is more for the operator. */
export function seenBy(caller: Caller): string {
  return JSON.stringify([caller.tenant, isOperator(caller)]);
}
