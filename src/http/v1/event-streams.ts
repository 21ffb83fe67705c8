/** Limits how many streams of events are open. */
import type { Response } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';

/** An open stream takes some 20 KB of memory. */
const PER_KEY = 2_000;
const PER_PROCESS = 5_000;
const RETRY_SECONDS = 10;

export class EventStreams {
  readonly #limits: { perKey: number; perProcess: number };
  readonly #byKey = new Map<string, number>();
  #count = 0;

  constructor(limits = { perKey: PER_KEY, perProcess: PER_PROCESS }) {
    this.#limits = limits;
  }

  /**
   * Counts the stream until its response is closed.
   *
   * @throws BatchwrightError `tooManyRequests` when the key has too many, `unavailable` when this process has
   */
  add({ keyId }: Caller, response: Pick<Response, 'once' | 'destroyed'>): void {
    const ofKey = this.#byKey.get(keyId) ?? 0;
    const options = { message: 'Too many streams of events are open', retryAfter: RETRY_SECONDS };
    if (ofKey >= this.#limits.perKey) throw new BatchwrightError('tooManyRequests', options);
    if (this.#count >= this.#limits.perProcess) throw new BatchwrightError('unavailable', options);
    // It will not be closed again.
    if (response.destroyed) return;
    this.#byKey.set(keyId, ofKey + 1);
    this.#count++;
    response.once('close', () => this.#remove(keyId));
  }

  #remove(keyId: string): void {
    this.#count--;
    const left = (this.#byKey.get(keyId) ?? 1) - 1;
    if (left > 0) this.#byKey.set(keyId, left);
    else this.#byKey.delete(keyId);
  }
}
