/** Which Batchwright of this process some work belongs to: a program may run several (`createBatchwright`). */
import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<string>();
let made = 0;

/** A name that no other Batchwright of this process has. */
export function newInstance(): string {
  made++;
  return `batchwright ${made}`;
}

/** Calls the work. It belongs to the instance, and so does everything that it starts. */
export function runInInstance<Returned>(instance: string | undefined, work: () => Returned): Returned {
  return instance === undefined ? work() : current.run(instance, work);
}

/** The instance that the work of now belongs to; undefined in a process that is a Batchwright's own. */
export function currentInstance(): string | undefined {
  return current.getStore();
}

/** A value that each instance may have. */
export class PerInstance<Value> {
  readonly #values = new Map<string | undefined, Value>();

  /** The value of the current instance. */
  get value(): Value | undefined {
    return this.#values.size === 0 ? undefined : this.#values.get(currentInstance());
  }

  /** Gives the current instance a value. Returns a function that takes it away. */
  set(value: Value): () => void {
    const instance = currentInstance();
    this.#values.set(instance, value);
    return () => void this.#values.delete(instance);
  }
}
