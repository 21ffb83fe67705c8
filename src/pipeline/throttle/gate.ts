/** The buckets of some jobs: each needs a permit of every one of them. */
import type { Bucket, WaitEnd, Waiting } from './bucket.ts';

export interface GateDeps {
  /** The bucket with this key. One that nothing uses may have been forgotten, and is then made again. */
  bucket: (key: string) => Bucket;
  /** Puts a bucket to sleep, in all processes. */
  throttle: (key: string, seconds: number) => void;
}

export class Gate {
  readonly #keys: readonly string[];
  readonly #deps: GateDeps;
  #holdBy: string;
  /** Runs under way that the other side has refused. */
  #refused = 0;

  /** @param keys of the buckets, at least one; the first is the one that the action puts to sleep */
  constructor(keys: readonly string[], deps: GateDeps) {
    this.#keys = keys;
    this.#holdBy = keys[0] ?? '';
    this.#deps = deps;
  }

  /** The bucket that jobs which do not wait in hand wait for. */
  get holdBy(): string {
    return this.#holdBy;
  }

  /** True when a job may start now: its permits are taken, until `end`. */
  start(): boolean {
    const now = performance.now();
    if (!this.isOpen(now)) return false;
    for (const key of this.#keys) this.#deps.bucket(key).start(now);
    return true;
  }

  isOpen(now: number): boolean {
    return this.#keys.every((key) => this.#deps.bucket(key).canStart(now));
  }

  end(): void {
    const wasRefused = this.#refused > 0;
    if (wasRefused) this.#refused--;
    for (const key of this.#keys) this.#deps.bucket(key).end(wasRefused);
  }

  /** Waits until `start` may succeed. */
  wait(jobs: () => number): Waiting {
    const now = performance.now();
    const blocking = this.#keys.map(this.#deps.bucket).find((bucket) => !bucket.canStart(now));
    if (!blocking) return { ended: Promise.resolve<WaitEnd>('changed'), cancel() {} };
    this.#holdBy = blocking.key;
    return blocking.wait(jobs);
  }

  /**
   * The other side has refused a job, before its `end`: nothing of its bucket starts for some seconds. Returns the
   * bucket's key.
   */
  throttle(seconds: number): string {
    const [own = ''] = this.#keys;
    this.#refused++;
    this.#deps.throttle(own, seconds);
    return own;
  }
}
