/**
 * Brings held jobs back as permits come: it asks for permits first, and then takes as many jobs. So the work is in
 * proportion to the permits, however many jobs wait.
 */
import type { LimitedLog } from '../domain/limited-log.ts';
import type { Throttle } from '../pipeline/throttle/throttle.ts';
import type { ChunkLanes } from '../queue/queue.ts';

/** While jobs are held. */
const BUSY_MS = 100;
/** Otherwise: another process may hold some. */
const IDLE_MS = 1000;

export interface HeldJobsDeps {
  throttle: Throttle;
  failures: LimitedLog;
}

export class HeldJobs {
  readonly #deps: HeldJobsDeps;
  readonly #lanes: Pick<ChunkLanes, 'heldBuckets' | 'takeHeld' | 'openHeld'>;
  /** Batches of the first held messages, by bucket. */
  #held = new Map<string, readonly string[]>();
  #timer: NodeJS.Timeout | undefined;
  #going: Promise<void> | null = null;
  #isStopped = false;

  constructor(deps: HeldJobsDeps, lanes: Pick<ChunkLanes, 'heldBuckets' | 'takeHeld' | 'openHeld'>) {
    this.#deps = deps;
    this.#lanes = lanes;
    this.#goIn(0);
  }

  /** Jobs of this process are about to be held. */
  wake(): void {
    if (!this.#going && this.#held.size === 0) this.#goIn(BUSY_MS);
  }

  /** True when jobs of another batch are held in the bucket. */
  isAwaited(bucket: string, batch: string): boolean {
    return this.#held.get(bucket)?.some((other) => other !== batch) ?? false;
  }

  /** Resolves when nothing more is taken. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#going;
  }

  #goIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#going = this.#go().finally(() => {
        this.#going = null;
        this.#goIn(this.#held.size > 0 ? BUSY_MS : IDLE_MS);
      });
    }, milliseconds);
  }

  /** Never rejects: the next round does what this one could not. */
  async #go(): Promise<void> {
    try {
      const buckets = await this.#lanes.heldBuckets();
      this.#held = new Map(buckets.map(({ key, batches }) => [key, batches]));
      await Promise.all(buckets.map(({ key, jobs }) => this.#bringBack(key, jobs)));
    } catch (error) {
      const fields = () => ({ err: error });
      this.#deps.failures.note({
        level: 'warn',
        kind: 'held',
        fields,
        message: 'held jobs were not looked at',
      });
    }
  }

  async #bringBack(bucket: string, jobs: number): Promise<void> {
    const permits = await this.#deps.throttle.permitsFor(bucket, jobs);
    if (this.#isStopped) return;
    if (permits === null) await this.#lanes.openHeld(bucket);
    else if (permits > 0) await this.#lanes.takeHeld(bucket, permits);
  }
}
