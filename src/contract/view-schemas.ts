/** JSON Schemas of what pages about batches show: figures, single jobs, callbacks. */
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
  time,
} from './schema-parts.ts';

const named = { count, indexes: described('The first 100.', arrayOf(count)) };

/** An attempt to deliver a callback. */
export const attempt: Schema = object({
  number: { type: 'integer', minimum: 1 },
  trigger: text,
  status: orNull('integer'),
  durationMs: count,
  error: orNull('string'),
  attemptedAt: time,
  nextAttemptAt: orNull('string', { format: 'date-time' }),
});

export const viewSchemas: Record<string, Schema> = {
  ErrorGroups: object({
    data: arrayOf(
      object({
        code: described('The errorCode of the jobs.', { type: 'integer' }),
        message: described('Their message; cut when it is longer than about 950 characters.', text),
        count: described('Failed jobs with this error.', count),
        firstIndex: described('The first of them.', count),
      }),
    ),
    others: described('Failed jobs with errors that are not listed.', count),
  }),
  Timeline: object({
    data: arrayOf(
      object({
        at: described('The begin of the period.', time),
        succeeded: count,
        failed: count,
        cancelled: count,
        skipped: count,
      }),
    ),
    secondsPerBucket: described('The length of a period.', { type: 'number', exclusiveMinimum: 0 }),
  }),
  OpenJobPage: object({
    data: arrayOf(
      object(
        {
          index: described('The position of the job in the request, from 0.', count),
          id: { type: ['string', 'number'] },
          namespace: text,
          action: text,
          request: described('The params as sent.', anything),
          status: { enum: ['pending', 'waiting', 'running'] },
          progress: described('What a running job reports.', {
            oneOf: [{ type: 'null' }, object({ done: { type: 'number' }, total: { type: 'number' } })],
          }),
        },
        'id',
      ),
    ),
    nextCursor: orNull('string'),
  }),
  BatchJob: object(
    {
      index: described('The position of the job in the request, from 0.', count),
      id: { type: ['string', 'number'] },
      namespace: described('As sent.', anything),
      action: described('As sent.', anything),
      request: described('The params as sent; of a result, with the values that were bound.', anything),
      response: described('As in a Result; null before the end.', anything),
      status: { enum: ['pending', 'waiting', 'running', 'succeeded', 'failed', 'cancelled', 'skipped'] },
      attempts: described('Runs that have ended.', count),
      startedAt: orNull('string', { format: 'date-time' }),
      finishedAt: orNull('string', { format: 'date-time' }),
      progress: described('What a running job reports; absent after the end.', {
        oneOf: [{ type: 'null' }, object({ done: { type: 'number' }, total: { type: 'number' } })],
      }),
      nextAttemptAt: described('When the next run is due, if it waits for a time; absent after the end.', {
        type: ['string', 'null'],
        format: 'date-time',
      }),
      dependsOn: described('As sent; absent when it was not.', anything),
      group: described('Likewise.', anything),
      bind: described('Likewise.', anything),
      dependencies: described(
        'The jobs that it waits for, or did; only where jobs depend on each other.',
        object({
          ...named,
          groups: described(
            'The groups that it waits for, or did; their jobs are not in `indexes`.',
            arrayOf(
              object({
                group: described('The name.', text),
                jobs: described('Jobs of the group.', count),
                remaining: described('Those of them that have not ended.', count),
              }),
            ),
          ),
        }),
      ),
      dependents: described('Likewise the jobs that wait for it.', object(named)),
    },
    'id',
    'progress',
    'nextAttemptAt',
    'dependsOn',
    'group',
    'bind',
    'dependencies',
    'dependents',
  ),
  OpenCallbacks: object({
    data: arrayOf(
      object(
        {
          asyncId: ref('AsyncId'),
          url: text,
          state: { enum: ['pending', 'failed'] },
          attempts: count,
          actions: described('As those of the batch.', arrayOf(text)),
          finishedAt: time,
          lastAttempt: { oneOf: [{ type: 'null' }, attempt] },
        },
        'actions',
      ),
    ),
    nextCursor: orNull('string'),
  }),
  OwnKey: object({
    keyId: described('`admin` for the admin key.', text),
    name: text,
    tenant: text,
    permissions: arrayOf(text),
    isAdmin: described('It has the permission `admin`.', flag),
    isOperator: described('It may change what all tenants share.', flag),
    expiresAt: orNull('string', { format: 'date-time' }),
  }),
};
