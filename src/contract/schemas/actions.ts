/** JSON Schemas of actions and their limits. */
import {
  anything,
  arrayOf,
  count,
  described,
  flag,
  object,
  orNull,
  ref,
  type Schema,
  text,
} from '../schema-parts.ts';

const limits: Schema = object(
  {
    concurrency: object(
      {
        max: { type: 'integer', minimum: 1 },
        perProcess: described('In each worker process, not over all.', flag),
        by: text,
      },
      'perProcess',
      'by',
    ),
    rate: object(
      {
        limit: { type: 'number', exclusiveMinimum: 0 },
        perSeconds: { type: 'number', exclusiveMinimum: 0 },
        burst: { type: 'integer', minimum: 1 },
        by: text,
      },
      'burst',
      'by',
    ),
    adaptive: described('The pace follows what the other side takes.', flag),
  },
  'concurrency',
  'rate',
  'adaptive',
);

const bucket = object(
  {
    action: orNull('string'),
    bucket: orNull('string'),
    asyncId: ref('AsyncId'),
    waiting: count,
    running: count,
    asleepUntil: orNull('string', { format: 'date-time' }),
    nextAt: orNull('string', { format: 'date-time' }),
    pace: orNull('number'),
  },
  'asyncId',
);

export const actionSchemas: Record<string, Schema> = {
  Action: object({
    name: described('`namespace.action`', text),
    summary: text,
    permission: described('The permission that a key needs to run it.', text),
    params: described('The JSON Schema of its params.', { type: 'object' }),
    example: described('Valid params, or null.', anything),
    timeoutSeconds: { type: 'number' },
    retry: object({ limit: count, delaySeconds: { type: 'number' }, backoff: flag }),
    transactional: flag,
  }),
  Actions: object({ data: arrayOf(ref('Action')) }),
  Limits: limits,
  ActionChange: object({ paused: flag, limits: { oneOf: [{ type: 'null' }, limits] } }, 'paused', 'limits'),
  ActionLimits: object({ name: text, paused: flag, limits: { oneOf: [{ type: 'null' }, limits] } }),
  LimitsInUse: object({ actions: arrayOf(ref('ActionLimits')), data: arrayOf(bucket) }),
};
