/** Names and texts that are kept once, as numbers. */
import { IntList } from './int-list.ts';

/** In place of a number. */
export const NONE = -1;

/** Different places of `bind` that errors can name. */
const MAX_PLACES = 1000;

/** A name that jobs are called by: an id, or a group. Known once a job has it. */
export class Names {
  readonly #numbers = new Map<string, number>();
  /** By the number of a name: the index of its job; how many jobs the group has. */
  readonly values = new IntList();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(name, number);
    this.values.push(NONE);
    return number;
  }

  /** Slow: for errors. */
  nameOf(number: number): string {
    for (const [name, known] of this.#numbers) if (known === number) return name;
    return '';
  }

  all(): string[] {
    return [...this.#numbers.keys()];
  }
}

/** Texts for errors, each kept once: most jobs of a batch bind the same places. Beyond a limit they are forgotten. */
export class FewTexts {
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.#numbers.size >= MAX_PLACES) return NONE;
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  /** Slow. Undefined for one that was forgotten. */
  nameOf(number: number): string | undefined {
    return [...this.#numbers.keys()][number];
  }
}
