import type { Outcome, RecordableOutcome, RetryOutcome } from '../../domain/outcome.ts';
import type { Rest } from './open-jobs.ts';

/** Jobs that leave their message without a result. */
export interface Leaving {
  retries: readonly RetryOutcome[];
  /** Jobs that are not to be started here. */
  rest: readonly Rest[];
}

/** What one settle has to record, and to send. */
export interface SettlePart extends Leaving {
  outcomes: readonly RecordableOutcome[];
}

/** What became of a message's jobs since its last settle. */
export class Unsettled {
  #outcomes: RecordableOutcome[] = [];
  #retries: RetryOutcome[] = [];
  #rest: Rest[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#outcomes.length === 0 && this.#retries.length === 0 && this.#rest.length === 0;
  }

  /** The length of the responses, and of params that values were bound into. */
  get bytes(): number {
    return this.#bytes;
  }

  add(outcome: Outcome): void {
    if (outcome.status === 'retry') this.#retries.push(outcome);
    else {
      this.#outcomes.push(outcome);
      this.#bytes += outcome.response.length + (outcome.request?.length ?? 0);
    }
  }

  addRest(rest: readonly Rest[]): void {
    this.#rest.push(...rest);
  }

  /** @param options.onlyOutcomes jobs without a result stay */
  take({ onlyOutcomes = false } = {}): SettlePart {
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    this.#bytes = 0;
    if (onlyOutcomes) return { outcomes, retries: [], rest: [] };
    const [retries, rest] = [this.#retries, this.#rest];
    this.#retries = [];
    this.#rest = [];
    return { outcomes, retries, rest };
  }

  /** Nothing of it was settled. */
  putBack({ outcomes, retries, rest }: SettlePart): void {
    for (const outcome of [...outcomes, ...retries]) this.add(outcome);
    this.addRest(rest);
  }
}
