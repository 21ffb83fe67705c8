/** SQL terms that select results by their status and by their error. */
import type { ResultStatus } from '../domain/outcome.ts';

/** Selects the results that every member selects, all without members. */
export interface ResultFilter {
  status?: ResultStatus | undefined;
  /** Of the error that is the response; only of results that did not succeed. */
  errorCode?: number | undefined;
  /** Likewise. A message of about 950 characters or more, as JSON, stands for all that begin with it. */
  message?: string | undefined;
}

/**
 * Errors are grouped by this many characters of their message as JSON: an action may write 10,000, which are no more
 * alike for it.
 */
const MESSAGE_LENGTH = 960;
/** The longest escape of JSON: a message may be cut within one. */
const ESCAPE_LENGTH = 6;

// Errors are found in the text: operators of json fail for a response that has \u0000 anywhere. Every error is stored
// with its code first, which has three digits, and its message second.
const CODE_AT = '{"errorCode":'.length + 1;
const MESSAGE_AT = CODE_AT + '404,'.length;
const HEAD_LENGTH = MESSAGE_AT + '"message":"'.length - 1 + MESSAGE_LENGTH;

/** SQL: what of a response tells which error it is. */
export const ERROR_HEAD = `left(response::text, ${HEAD_LENGTH})`;

// A message without an escaped quote ends at the next quote: a regular expression for all takes five times as long.
const MESSAGE = `split_part(${ERROR_HEAD}, '"', 6)`;
const WITH_QUOTES = `substr(substring(${ERROR_HEAD} from '^\\{"errorCode":\\d+,"message":"(?:[^"\\\\]|\\\\.)*'), ${HEAD_LENGTH - MESSAGE_LENGTH + 1})`;

/** SQL: a number that equal errors share: the same code, and the same message as far as it counts. */
export const ERROR_GROUP = `hashtextextended(substr(response::text, ${CODE_AT}, 3)
  || case when right(${MESSAGE}, 1) = '\\' then ${WITH_QUOTES} else ${MESSAGE} end, 0)`;

/** The code and the message of the error that has this head; the message is cut when it is too long. */
export function errorOfHead(head: string): { code: number; message: string } {
  const [, code = '', text = ''] =
    /^\{"errorCode":(\d+),"message":"((?:[^"\\]|\\u[0-9a-f]{4}|\\[^u])*)/is.exec(head) ?? [];
  return { code: Number(code), message: JSON.parse(`"${text}"`) as string };
}

/** The values of the terms below, in the order of their parameters. */
export function errorStarts({ errorCode, message }: ResultFilter): [string | null, string | null] {
  return [
    errorCode === undefined ? null : `{"errorCode":${errorCode},`,
    message === undefined ? null : messageStart(message),
  ];
}

function messageStart(message: string): string {
  const escaped = JSON.stringify(message).slice(1, -1);
  const isCut = [...escaped].length > MESSAGE_LENGTH - ESCAPE_LENGTH;
  return `"message":"${escaped}${isCut ? '' : '"'}`;
}

/** SQL: the result's error has this code and this message; each may be null. */
export const errorTerms = (code: string, message: string): string =>
  `(${code}::text is null or left(response::text, length(${code})) = ${code})
   and (${message}::text is null or substr(response::text, ${MESSAGE_AT}, length(${message})) = ${message})`;

/** A condition of a statement, with the values of its parameters. */
export interface FilterTerms {
  /** Of the statement's name: one for each text. */
  name: string;
  /** Begins with `and`; empty when all results are selected. */
  text: string;
  values: unknown[];
}

/**
 * The condition for a filter. The plan of a named statement is kept, so what the partial index needs stands in the text.
 *
 * @param first the number of its first parameter
 */
export function filterTerms(filter: ResultFilter, first: number): FilterTerms {
  const { status, errorCode, message } = filter;
  if (status === undefined && errorCode === undefined && message === undefined)
    return { name: '', text: '', values: [] };
  if (status === 'succeeded' && errorCode === undefined && message === undefined)
    return { name: '-succeeded', text: `and status = 'succeeded'`, values: [] };
  const [ofStatus, ofCode, ofMessage] = [first, first + 1, first + 2].map((n) => `$${n}`) as [
    string,
    string,
    string,
  ];
  return {
    name: '-unsuccessful',
    text: `and status <> 'succeeded' and (${ofStatus}::batchwright.result_status is null or status = ${ofStatus})
      and ${errorTerms(ofCode, ofMessage)}`,
    values: [status ?? null, ...errorStarts(filter)],
  };
}
