/** Why an item of a batch failed, as OS1's status lists it. */
import { NonRetryableError, type SchemaProblem } from 'batchwright/plugin';

/** The codes are ours: OS1's documentation lists none. */
export type ItemCode = 'INVALID' | 'DUPLICATE' | 'NOT_FOUND' | 'WRONG_TYPE' | 'TOO_LARGE' | 'WRONG_ROW';

export interface ItemError {
  message: string;
  code: string;
}

const STATUS: Record<ItemCode, number> = {
  INVALID: 400,
  DUPLICATE: 409,
  NOT_FOUND: 404,
  WRONG_TYPE: 404,
  TOO_LARGE: 413,
  WRONG_ROW: 400,
};
const MAX_ERRORS = 20;
const MAX_SHOWN = 100;

/** The error of a job whose item is wrong. Its details carry the errors to the status. */
export function itemError(code: ItemCode, ...messages: string[]): NonRetryableError {
  const errors: ItemError[] = messages.slice(0, MAX_ERRORS).map((message) => ({ message, code }));
  return new NonRetryableError(errors[0]?.message ?? code, {
    errorCode: STATUS[code],
    details: { errors },
  });
}

/** The error of an item that breaks its schema. */
export function invalidItem(problems: readonly SchemaProblem[]): NonRetryableError {
  const messages = problems.map(({ path, message }) => `${shown(path.join('.')) || 'the item'} ${message}`);
  return itemError('INVALID', ...messages);
}

/** A caller's text in a message: not too long. */
export function shown(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
