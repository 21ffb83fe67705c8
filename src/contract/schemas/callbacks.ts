/** JSON Schemas of callbacks, their attempts and their secrets. */
import { arrayOf, count, described, object, orNull, ref, type Schema, text } from '../schema-parts.ts';
import { attempt } from '../view-schemas.ts';
import { labels, stoppedBy } from './batches.ts';

const callbackSecret: Schema = { type: 'string', pattern: '^whsec_' };

export const callbackSchemas: Record<string, Schema> = {
  CallbackBody: object(
    {
      asyncId: ref('AsyncId'),
      state: ref('BatchState'),
      counts: ref('Counts'),
      ...labels,
      stoppedBy,
      results: arrayOf(ref('Result')),
      test: described('Only in a test callback.', { const: true }),
    },
    'name',
    'metadata',
    'stoppedBy',
    'test',
  ),
  DeliveryAttempts: object({ data: arrayOf(attempt) }),
  CallbackSecret: object({
    secret: callbackSecret,
    previous: described(
      'Replaced secrets that sign beside it, the youngest first.',
      arrayOf(
        object({
          secret: callbackSecret,
          endsAt: described(
            'Until then it signs; null where the operator decides.',
            orNull('string', { format: 'date-time' }),
          ),
        }),
      ),
    ),
  }),
  TestCallback: object(
    {
      url: { type: 'string', format: 'uri' },
      headers: described('Further headers.', { type: 'object', additionalProperties: text }),
    },
    'headers',
  ),
  TestedCallback: object({
    id: described('The `webhook-id`.', text),
    status: described('Null when the receiver did not answer.', orNull('integer')),
    durationMs: count,
    error: described('Why a callback would fail; null when it would be delivered.', orNull('string')),
    excerpt: described("The beginning of the receiver's answer.", orNull('string')),
  }),
};
