import type { Outcome, RecordableOutcome, RetryOutcome } from '../../domain/outcome.ts';
import type { Rest } from './open-jobs.ts';

/** What became of a message's jobs since its last settle. */
export class Unsettled {
  #outcomes: RecordableOutcome[] = [];
  #bytes = 0;
  #rest: Rest[] = [];
  readonly #retries: RetryOutcome[] = [];

  get outcomes(): readonly RecordableOutcome[] {
    return this.#outcomes;
  }

  /** The length of the responses. */
  get bytes(): number {
    return this.#bytes;
  }

  get retries(): readonly RetryOutcome[] {
    return this.#retries;
  }

  /** Jobs that are not to be started here. */
  get rest(): readonly Rest[] {
    return this.#rest;
  }

  add(outcome: Outcome): void {
    if (outcome.status === 'retry') this.#retries.push(outcome);
    else {
      this.#outcomes.push(outcome);
      this.#bytes += outcome.response.length;
    }
  }

  addRest(rest: readonly Rest[]): void {
    this.#rest.push(...rest);
  }

  takeOutcomes(): RecordableOutcome[] {
    const taken = this.#outcomes;
    this.#outcomes = [];
    this.#bytes = 0;
    return taken;
  }

  takeRest(): Rest[] {
    const taken = this.#rest;
    this.#rest = [];
    return taken;
  }
}
