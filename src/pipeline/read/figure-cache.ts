/** Keeps texts that are costly to make and shares them among all who ask at once. */

/** A text that is made from a batch's results. */
export interface Figure {
  key: string;
  /** Another version is made from other results. */
  version: string;
  /** False while the batch goes on: then the versions follow each other quickly, and one may be a little old. */
  isFinal: boolean;
}

interface Kept {
  version: string;
  text: string;
  /** By `performance.now()`. */
  freshUntil: number;
}

/** Characters of all texts that are kept. */
const MAX_LENGTH = 8 * 1024 * 1024;
/**
 * A figure of a batch that goes on is kept for this many times as long as it took to make, so that it is made for a small
 * part of the time, however large the batch is and however many ask.
 */
const REST = 10;
const LEAST_REST_MS = 1_000;

export class FigureCache {
  /** By key, the one that was asked for last at the end. */
  readonly #kept = new Map<string, Kept>();
  readonly #being = new Map<string, Promise<string>>();
  #length = 0;

  /** The text that is kept, or is being made; otherwise the one that `make` makes. */
  get({ key, version, isFinal }: Figure, make: () => Promise<string>): Promise<string> {
    const kept = this.#kept.get(key);
    if (kept && (kept.version === version || (!isFinal && performance.now() < kept.freshUntil))) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return Promise.resolve(kept.text);
    }
    // What began before the end of the batch is not its last version.
    const name = isFinal ? `${key} ${version}` : key;
    const being =
      this.#being.get(name) ?? this.#make(key, version, make).finally(() => this.#being.delete(name));
    this.#being.set(name, being);
    return being;
  }

  async #make(key: string, version: string, make: () => Promise<string>): Promise<string> {
    const startedAt = performance.now();
    const text = await make();
    const now = performance.now();
    this.#drop(key);
    this.#kept.set(key, {
      version,
      text,
      freshUntil: now + Math.max(LEAST_REST_MS, REST * (now - startedAt)),
    });
    this.#length += text.length;
    for (const [oldest] of this.#kept) {
      if (this.#length <= MAX_LENGTH) break;
      this.#drop(oldest);
    }
    return text;
  }

  #drop(key: string): void {
    this.#length -= this.#kept.get(key)?.text.length ?? 0;
    this.#kept.delete(key);
  }
}
