/** JSON Schemas of errors, in both forms. */
import { anything, arrayOf, described, object, ref, type Schema, text } from '../schema-parts.ts';

export const errorSchemas: Record<string, Schema> = {
  Error: object(
    {
      errorCode: described('The HTTP status of the answer.', { type: 'integer' }),
      message: text,
      specificCode: { type: 'integer' },
      additionalMessages: arrayOf(text),
      details: described('Facts that an action adds.', anything),
      asyncId: described('The batch of a job that still runs.', ref('AsyncId')),
    },
    'specificCode',
    'additionalMessages',
    'details',
    'asyncId',
  ),
  Problem: object(
    {
      type: described('A page that says what the problem means and what to do.', {
        type: 'string',
        format: 'uri-reference',
      }),
      title: text,
      status: { type: 'integer' },
      detail: text,
      specificCode: { type: 'integer' },
      errors: arrayOf(text),
      asyncId: ref('AsyncId'),
    },
    'specificCode',
    'errors',
    'asyncId',
  ),
};
