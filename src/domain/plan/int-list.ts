const FIRST_SIZE = 16;
/** Most batches have no plan, and leave all their lists empty. */
const EMPTY = new Int32Array(0);

/** A list of 32-bit integers that grows: a tenth of the memory of an array of objects. */
export class IntList {
  #values: Int32Array = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Int32Array(Math.max(FIRST_SIZE, this.#length * 2));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  at(position: number): number {
    return this.#values[position] as number;
  }

  set(position: number, value: number): void {
    this.#values[position] = value;
  }

  /** The values so far. Later changes of the list may show in it. */
  view(): Int32Array {
    return this.#values.subarray(0, this.#length);
  }
}
