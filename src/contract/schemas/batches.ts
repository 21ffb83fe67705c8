/** JSON Schemas of batches and their options. */
import {
  arrayOf,
  asyncId,
  count,
  described,
  flag,
  object,
  orNull,
  ref,
  type Schema,
  text,
  time,
} from '../schema-parts.ts';

const percentage: Schema = {
  type: 'integer',
  minimum: 0,
  maximum: 100,
  description: 'The percentage of the work that is done; 100 only when every job has ended.',
};

const metadata = described('Texts of the caller, by name.', {
  type: 'object',
  additionalProperties: text,
  maxProperties: 16,
});

/** What the caller has called the batch; absent without one. */
export const labels = { name: described('A text of the caller.', text), metadata };

const stopAfter = described(
  'The batch is cancelled when so many jobs have failed: a number, or a percentage of those that have succeeded or failed, once there are `finished` of them.',
  object(
    {
      failed: { type: 'integer', minimum: 1 },
      failedPercent: { type: 'number', exclusiveMinimum: 0, maximum: 100 },
      finished: { type: 'integer', minimum: 1 },
    },
    'failed',
    'failedPercent',
    'finished',
  ),
);

const priority = described(
  "Of a tenant's waiting jobs, those of the batches with the highest priority start first; 0 if absent.",
  { type: 'integer', minimum: -100, maximum: 100 },
);

export const stoppedBy = described('Why the batch was stopped, when no caller has cancelled it.', {
  enum: ['deadline', 'stopAfter'],
});

const status = object(
  {
    asyncId: ref('AsyncId'),
    state: ref('BatchState'),
    counts: ref('Counts'),
    progress: percentage,
    ...labels,
    priority,
    startAt: described('No job starts before.', time),
    deadlineAt: described('What has not started by then is cancelled.', time),
    stopAfter,
    stoppedBy,
    paused: described('None of its jobs starts before it is resumed; absent otherwise.', { const: true }),
    waitingFor: described(
      'The limits that jobs of the batch wait for; absent when none does.',
      arrayOf(
        object({ action: orNull('string'), bucket: orNull('string'), jobs: count, until: orNull('string') }),
      ),
    ),
  },
  'name',
  'metadata',
  'priority',
  'startAt',
  'deadlineAt',
  'stopAfter',
  'stoppedBy',
  'paused',
  'waitingFor',
);

export const batchSchemas: Record<string, Schema> = {
  AsyncId: asyncId,
  BatchState: { type: 'string', enum: ['queued', 'running', 'completed', 'cancelled'] },
  Checked: object({
    valid: { const: true },
    total: described('Its jobs, the invalid ones included.', count),
    invalid: described('Jobs that would fail at once, with `skipInvalid`.', count),
  }),
  // The sweep corrects counters that somebody has changed in the database; until then they may be odd.
  Counts: object({
    total: { type: 'integer' },
    pending: { type: 'integer' },
    waiting: { type: 'integer' },
    running: { type: 'integer' },
    succeeded: { type: 'integer' },
    failed: { type: 'integer' },
    cancelled: { type: 'integer' },
    skipped: { type: 'integer' },
  }),
  BatchOptions: object(
    {
      skipInvalid: described('Invalid jobs become failed results, and the others run.', flag),
      name: described('A text of the caller.', { type: 'string', minLength: 1, maxLength: 200 }),
      metadata,
      concurrency: described('Jobs of the batch that run at once.', { type: 'integer', minimum: 1 }),
      rate: described(
        'Starts of its jobs in a period.',
        object({
          limit: { type: 'number', exclusiveMinimum: 0 },
          perSeconds: { type: 'number', exclusiveMinimum: 0 },
        }),
      ),
      priority,
      startAt: described('No job starts before.', { type: 'string', format: 'date-time' }),
      deadlineSeconds: described('From the taking in: what has not started by then is cancelled.', {
        type: 'number',
        exclusiveMinimum: 0,
      }),
      stopAfter,
      callbackHeaders: described('Headers of the callback; they may be secrets, and are never shown.', {
        type: 'object',
        additionalProperties: text,
        maxProperties: 16,
      }),
      callbackOn: described(
        'Whether the callback is always sent at the end, or only when some job has not succeeded.',
        { enum: ['end', 'failure'] },
      ),
    },
    'skipInvalid',
    'name',
    'metadata',
    'concurrency',
    'rate',
    'priority',
    'startAt',
    'deadlineSeconds',
    'stopAfter',
    'callbackHeaders',
    'callbackOn',
  ),
  NewBatch: object(
    {
      jobs: { type: 'array', minItems: 1, items: ref('Job') },
      callbackUrl: described(
        'Gets the results when the batch has ended.',
        orNull('string', { format: 'uri' }),
      ),
      options: ref('BatchOptions'),
    },
    'callbackUrl',
    'options',
  ),
  BatchId: {
    type: 'object',
    description: 'The id of a batch as `async` or `asyncId`, and the parameters of the call.',
    properties: {
      async: ref('AsyncId'),
      asyncId: ref('AsyncId'),
      start: count,
      perPage: { type: 'integer', minimum: 1 },
      status: {},
      indexes: arrayOf(count),
      errorCode: { type: 'integer' },
      message: text,
    },
  },
  BatchStatus: status,
  Batch: {
    ...status,
    required: [
      ...(status.required as string[]),
      ...['active', 'createdAt', 'startedAt', 'finishedAt', 'expiresAt', 'callback'],
    ],
    properties: {
      ...(status.properties as object),
      actions: described(
        '`namespace.action` of its jobs, each once. Absent when an earlier release has stored the batch.',
        arrayOf(text),
      ),
      active: described(
        'Running jobs that report progress, at most 100.',
        arrayOf(object({ index: count, done: { type: 'number' }, total: { type: 'number' } })),
      ),
      createdAt: time,
      startedAt: orNull('string', { format: 'date-time' }),
      finishedAt: orNull('string', { format: 'date-time' }),
      expiresAt: time,
      callback: {
        oneOf: [
          { type: 'null' },
          object({
            url: text,
            state: described('`skipped`: with `callbackOn: failure`, every job has succeeded.', {
              enum: ['pending', 'delivered', 'failed', 'superseded', 'skipped'],
            }),
            attempts: count,
          }),
        ],
      },
    },
  },
  BatchPage: object({
    data: arrayOf(ref('Batch')),
    nextCursor: orNull('string', { description: 'The `cursor` of the next page; null on the last one.' }),
  }),
  Selection: {
    ...object(
      {
        indexes: described('Jobs by their index.', arrayOf(count)),
        status: arrayOf({ enum: ['failed', 'cancelled', 'skipped'] }),
        errorCode: { type: 'integer' },
        message: described('Of the error; of a long one the beginning.', text),
      },
      'indexes',
      'status',
      'errorCode',
      'message',
    ),
    description: 'Selects among the jobs that have not succeeded; all of them when it is empty.',
  },
};
