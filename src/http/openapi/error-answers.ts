/** The errors in `/openapi.json`, in both forms: that of the batch API, and problem details (RFC 9457). */
import { STATUS_CODES } from 'node:http';
import { errorPagePath, errorPages } from '../../contract/error-pages.ts';
import { catalogue, type ErrorName } from '../../contract/errors.ts';
import { ref } from '../../contract/schemas.ts';

/** Two answers for each error of the catalogue, and one in each form for any error. */
export function errorAnswers(): Record<string, object> {
  const names = Object.keys(catalogue) as ErrorName[];
  return Object.fromEntries([
    ...names.flatMap((name) => [
      [`${name}Problem`, problemOf([name], true)],
      [`${name}Error`, problemOf([name], false)],
    ]),
    ['anyProblem', { description: 'An error.', content: contentOf(true) }],
    ['anyError', { description: 'An error.', content: contentOf(false) }],
  ]);
}

/** The answer for errors of one status. */
export function problemOf(names: readonly ErrorName[], isRest: boolean): object {
  const examples = Object.fromEntries(names.map((name) => [name, { value: exampleOf(name, isRest) }]));
  return {
    description: names.map((name) => errorPages[name].means).join(' Or: '),
    content: contentOf(isRest, examples),
  };
}

function contentOf(isRest: boolean, examples?: object): object {
  const type = isRest ? 'application/problem+json' : 'application/json';
  return { [type]: { schema: ref(isRest ? 'Problem' : 'Error'), ...(examples ? { examples } : {}) } };
}

function exampleOf(name: ErrorName, isRest: boolean): object {
  const entry: { errorCode: number; specificCode?: number; message: string } = catalogue[name];
  const { errorCode, specificCode, message } = entry;
  const specific = specificCode === undefined ? {} : { specificCode };
  if (!isRest) return { errorCode, message, ...specific };
  const title = STATUS_CODES[errorCode] ?? 'Error';
  return { type: errorPagePath(name), title, status: errorCode, detail: message, ...specific };
}
