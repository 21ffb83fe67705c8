/**
 * Brings held jobs back as permits come: it asks for permits first, and then takes as many jobs. So the work is in
 * proportion to the permits, however many jobs wait.
 */
import { bucketNameOf } from '../domain/bucket-key.ts';
import type { LimitedLog } from '../domain/limited-log.ts';
import type { ActionSlots } from '../pipeline/throttle/action-slots.ts';
import type { Throttle } from '../pipeline/throttle/throttle.ts';
import type { HeldBatch } from '../queue/held.ts';
import type { ChunkLanes } from '../queue/queue.ts';

/** While held jobs come back. */
const BUSY_MS = 100;
/** While none of them can. */
const CLOSED_MS = 500;
/** While none are held: another process may hold some. */
const IDLE_MS = 1000;

export interface HeldJobsDeps {
  throttle: Throttle;
  slots: ActionSlots;
  failures: LimitedLog;
  /** False while enough messages are in hand. */
  hasRoom(): boolean;
}

export class HeldJobs {
  readonly #deps: HeldJobsDeps;
  readonly #lanes: Pick<ChunkLanes, 'heldBuckets' | 'takeHeld' | 'openHeld'>;
  /** Batches of the first held messages, by bucket. */
  #held = new Map<string, readonly HeldBatch[]>();
  #timer: NodeJS.Timeout | undefined;
  #going: Promise<void> | null = null;
  #pauseMs = IDLE_MS;
  #isStopped = false;

  constructor(deps: HeldJobsDeps, lanes: Pick<ChunkLanes, 'heldBuckets' | 'takeHeld' | 'openHeld'>) {
    this.#deps = deps;
    this.#lanes = lanes;
    this.#goIn(0);
  }

  /** Jobs of this process have ended, or are about to be held. */
  wake(): void {
    if (this.#going || this.#pauseMs === BUSY_MS) return;
    this.#pauseMs = BUSY_MS;
    this.#goIn(BUSY_MS);
  }

  /** True when jobs of another batch are held in the bucket, unless it is one of the same tenant with a lower priority. */
  isAwaited(bucket: string, { batch, tenant, priority }: HeldBatch): boolean {
    const others = this.#held.get(bucket)?.filter((other) => other.batch !== batch);
    return others?.some((other) => other.tenant !== tenant || other.priority >= priority) ?? false;
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
        this.#goIn(this.#pauseMs);
      });
    }, milliseconds);
  }

  /** Never rejects: the next round does what this one could not. */
  async #go(): Promise<void> {
    try {
      const buckets = await this.#lanes.heldBuckets();
      this.#held = new Map(buckets.map(({ key, batches }) => [key, batches]));
      const brought = await Promise.all(buckets.map(({ key, jobs }) => this.#bringBack(key, jobs)));
      if (buckets.length === 0) this.#pauseMs = IDLE_MS;
      else this.#pauseMs = brought.some(Boolean) ? BUSY_MS : Math.min(CLOSED_MS, this.#pauseMs + BUSY_MS);
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

  /** False when none of the bucket's jobs can start. */
  async #bringBack(bucket: string, jobs: number): Promise<boolean> {
    const { throttle, slots, hasRoom } = this.#deps;
    if (slots.isFull(bucketNameOf(bucket).action) || !hasRoom()) return false;
    const needed = await throttle.neededFor(bucket, jobs);
    if (this.#isStopped || needed === 0) return false;
    if (needed === null) await this.#lanes.openHeld(bucket);
    else await this.#lanes.takeHeld(bucket, needed);
    return true;
  }
}
