/** Starts that a process was given: moments, evenly spaced, that belong to it alone. */

export interface GivenStarts {
  /** How many. */
  count: number;
  /** When the first comes, without a burst; times by `performance.now()`, in ms. */
  at: number;
  intervalMs: number;
  /** How many may come at once, if the bucket was not used before. */
  burst: number;
  /** How much later than at its moment a job may start. */
  toleranceMs: number;
}

export class Starts {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  readonly #end: number;
  #atOnce: number;
  #left: number;
  #at: number;

  /** @param now when they were given */
  constructor({ count, at, intervalMs, burst, toleranceMs }: GivenStarts, now: number) {
    const early = (burst - 1) * intervalMs;
    this.#intervalMs = intervalMs;
    this.#toleranceMs = toleranceMs;
    this.#end = at - early + (count - 1) * intervalMs;
    // Without a burst the first, too, is late when it is not taken at its moment.
    const due = burst === 1 ? 0 : Math.floor((now + early - at) / intervalMs) + 1;
    this.#atOnce = Math.max(0, Math.min(count, due));
    this.#left = count - this.#atOnce;
    this.#at = at - early + this.#atOnce * intervalMs;
  }

  /** How many are left. */
  get count(): number {
    return this.#atOnce + this.#left;
  }

  /** When the next comes; null when none is left. */
  nextAt(now: number): number | null {
    this.#drop(now);
    if (this.#atOnce > 0) return now;
    return this.#left > 0 ? this.#at : null;
  }

  /** True when a job may start now. */
  take(now: number): boolean {
    const at = this.nextAt(now);
    if (at === null || at > now) return false;
    if (this.#atOnce > 0) this.#atOnce--;
    else {
      this.#left--;
      this.#at += this.#intervalMs;
    }
    return true;
  }

  /**
   * Late starts keep their distance, so that nobody counts more of them in a period than the rate allows. Those that
   * would come after the end are lost: the time after it belongs to others.
   */
  #drop(now: number): void {
    const end = this.#end + this.#toleranceMs;
    if (this.#atOnce > 0 && now > Math.max(end, this.#at)) this.#atOnce = 0;
    if (this.#left === 0 || now <= this.#at + this.#toleranceMs) return;
    this.#at = now;
    this.#left = Math.max(0, Math.min(this.#left, Math.floor((end - now) / this.#intervalMs) + 1));
  }
}
