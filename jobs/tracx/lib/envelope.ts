/** The form of Tracx's answers, errors too. */
import { NonRetryableError, type RouteError } from 'batchwright/plugin';

/** What is wrong with one field of a request. */
export interface FieldError {
  /** The participant's place in the request, from 0; null for what is not about a participant. */
  index: number | null;
  /** Null for what is not about one field. */
  field: string | null;
  message: string;
}

/** Errors named in an answer; the rest is counted. */
const MAX_NAMED = 100;
const SUMMARY = 'One or more fields are invalid';

/** The errors of a request: the first hundred, and the number of all. */
export class FieldErrors {
  readonly #named: FieldError[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(error: FieldError): void {
    this.#count++;
    if (this.#named.length < MAX_NAMED) this.#named.push(error);
  }

  /** Throws the 422 of the request when there are errors. */
  throwIfAny(): void {
    if (this.#count === 0) return;
    const more = this.#count - this.#named.length;
    const message = more > 0 ? `${SUMMARY}: the first ${MAX_NAMED} of ${this.#count} are listed` : SUMMARY;
    throw new NonRetryableError(message, { errorCode: 422, details: { errors: this.#named } });
  }
}

/** The 422 for one wrong field that is not a participant's. */
export function invalidField(field: string, message: string): NonRetryableError {
  return new NonRetryableError(SUMMARY, {
    errorCode: 422,
    details: { errors: [{ index: null, field, message }] },
  });
}

/** The body of every error: `{"data":{"error":true,"success":false,"message","errors":[…]}}`. */
export function errorBody({ message, details }: RouteError): unknown {
  const { errors = [] } = (details ?? {}) as { errors?: unknown };
  return { data: { error: true, success: false, message, errors: Array.isArray(errors) ? errors : [] } };
}
