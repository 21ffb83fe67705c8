/** The jobs of a request that are wrong: the first of them are named in the error, the rest is counted. */
import { BatchwrightError, type ErrorName } from '../../contract/errors.ts';
import { type JobProblem, paramsMessage } from '../../validation/check-job.ts';

/** Jobs named in the error. */
const MAX_NAMED = 100;

export class JobProblems {
  /** The request is one action's params rather than a batch: its errors name params. */
  readonly #isCall: boolean;
  #first: JobProblem | undefined;
  #count = 0;
  readonly #messages: string[] = [];

  constructor(isCall: boolean) {
    this.#isCall = isCall;
  }

  get count(): number {
    return this.#count;
  }

  /** @param job.line of a job on a line of its own; 0 in a JSON body */
  add(job: { index: number; line: number }, problem: JobProblem): void {
    const { index, line } = job;
    this.#count++;
    this.#first ??= problem;
    if (this.#count > MAX_NAMED) return;
    this.#messages.push(
      ...problem.faults.map(({ text, joint }) => {
        if (this.#isCall) return text;
        return line === 0
          ? `jobs[${index}]${joint}${text}`
          : `line ${line}${joint === ' ' ? ' ' : ': '}${text}`;
      }),
    );
  }

  /** Throws the BatchwrightError of a request that has them. */
  refuse(): never {
    const more = this.#count - MAX_NAMED;
    const details = more > 0 ? [...this.#messages, `and ${more} more jobs`] : this.#messages;
    const { kind = 'invalidRequest', parameter } = this.#first ?? {};
    if (!this.#isCall) throw new BatchwrightError(batchError(kind), { details });
    throw new BatchwrightError(kind, {
      details,
      ...(parameter === undefined ? {} : { message: paramsMessage(kind, parameter) }),
    });
  }
}

/** Within a batch the contract has one code for all params that break a schema. */
function batchError(kind: JobProblem['kind']): ErrorName {
  return kind === 'invalidParams' || kind === 'missingParams' ? 'invalidRequest' : kind;
}
