/** The database's time by this process's clock: starts of several processes are spaced by one clock. */

/** A better measurement is kept for this long. */
const KEEP_MS = 60_000;

export class DatabaseClock {
  #offset = 0;
  #errorMs = Number.POSITIVE_INFINITY;
  #measuredAt = 0;

  /**
   * Takes a measurement: the database's time in an answer, by its clock, and when the question was sent and the answer
   * arrived, by `performance.now()`. Returns the database's time then, by `performance.now()`.
   */
  read(databaseMs: number, sentAt: number, arrivedAt: number): number {
    const errorMs = (arrivedAt - sentAt) / 2;
    const known = databaseMs - this.#offset;
    // Otherwise one of the clocks was set.
    const fits = known >= sentAt - 1 && known <= arrivedAt + 1;
    if (!fits || errorMs < this.#errorMs || arrivedAt - this.#measuredAt > KEEP_MS) {
      this.#offset = databaseMs - (sentAt + arrivedAt) / 2;
      this.#errorMs = errorMs;
      this.#measuredAt = arrivedAt;
    }
    return databaseMs - this.#offset;
  }
}
