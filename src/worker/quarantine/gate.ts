/**
 * Decides which jobs may run in the quarantine process: one suspect alone, or all others concurrently. The
 * others wait until no suspect is left.
 */
export class QuarantineGate {
  /** Messages that still have suspects to try. */
  #reserved = 0;
  #shared = 0;
  #isTaken = false;
  #changed = Promise.withResolvers<void>();

  /** The message has suspects: others wait until `done` is called. */
  reserve(): { done(): void } {
    this.#reserved++;
    let isDone = false;
    return {
      done: () => {
        if (isDone) return;
        isDone = true;
        this.#reserved--;
        this.#notify();
      },
    };
  }

  async alone(work: () => Promise<void>): Promise<void> {
    while (this.#isTaken || this.#shared > 0) await this.#changed.promise;
    this.#isTaken = true;
    try {
      await work();
    } finally {
      this.#isTaken = false;
      this.#notify();
    }
  }

  async beside(work: () => Promise<void>): Promise<void> {
    while (this.#reserved > 0) await this.#changed.promise;
    this.#shared++;
    try {
      await work();
    } finally {
      this.#shared--;
      this.#notify();
    }
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
