/**
 * Who may run in the process that jobs are tried in: one suspect alone, or all others side by side. Others wait
 * until there is no suspect left.
 */
export class QuarantineGate {
  /** Messages that have suspects still to be tried. */
  #reserved = 0;
  #shared = 0;
  #isTaken = false;
  #changed = Promise.withResolvers<void>();

  /** The message has suspects: others wait until it is told that they have been tried. */
  reserve(): { done(): void } {
    this.#reserved++;
    let isDone = false;
    return {
      done: () => {
        if (isDone) return;
        isDone = true;
        this.#reserved--;
        this.#tell();
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
      this.#tell();
    }
  }

  async beside(work: () => Promise<void>): Promise<void> {
    while (this.#reserved > 0) await this.#changed.promise;
    this.#shared++;
    try {
      await work();
    } finally {
      this.#shared--;
      this.#tell();
    }
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
