/** The starts of this time are counted. */
export const COUNT_MS = 250;

/** Counts starts, to foresee how many jobs are needed. */
export class RecentStarts {
  #since = 0;
  #starts = 0;
  #before = 0;

  add(now: number): void {
    this.#turn(now);
    this.#starts++;
  }

  /** About how many jobs started in a quarter of a second. */
  count(now: number): number {
    this.#turn(now);
    return Math.max(this.#starts, this.#before);
  }

  #turn(now: number): void {
    if (now - this.#since < COUNT_MS) return;
    this.#before = now - this.#since < 2 * COUNT_MS ? this.#starts : 0;
    this.#since = now;
    this.#starts = 0;
  }
}
