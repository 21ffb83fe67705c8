/**
 * JSON Schemas of what callers send and get. `/openapi.json` has them under their names, and the test suite checks
 * every answer of the API against them. Members may be added to an answer: a client must ignore those that it does
 * not know.
 */

import {
  anything,
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
} from './schema-parts.ts';
import { attempt, viewSchemas } from './view-schemas.ts';

export { ref, type Schema };

const percentage: Schema = {
  type: 'integer',
  minimum: 0,
  maximum: 100,
  description: 'The percentage of the work that is done; 100 only when every job has ended.',
};

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

const metadata = described('Texts of the caller, by name.', {
  type: 'object',
  additionalProperties: text,
  maxProperties: 16,
});
/** What the caller has called the batch; absent without one. */
const labels = { name: described('A text of the caller.', text), metadata };

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
const stoppedBy = described('Why the batch was stopped, when no caller has cancelled it.', {
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

const key = object({
  id: text,
  tenant: text,
  name: text,
  permissions: arrayOf(text),
  signing: { enum: ['IWS', null] },
  createdBy: described('The id of the key that made it.', text),
  createdAt: time,
  expiresAt: orNull('string', { format: 'date-time' }),
  lastUsedAt: described(
    'When a request with it was last accepted, to the minute; null when none was.',
    orNull('string', { format: 'date-time' }),
  ),
});

const callbackSecret: Schema = { type: 'string', pattern: '^whsec_' };

const queue = object({
  queue: text,
  ready: described('Messages that are due.', count),
  delayed: described('Messages that wait for a time.', count),
  held: described('Messages that wait for a limit.', count),
  active: described('Messages that a worker has.', count),
  oldestSeconds: described('How long the first message that is due has waited.', { type: 'number' }),
});

const worker = object({
  id: text,
  host: text,
  pid: count,
  version: text,
  concurrency: described('Chunks at once in each queue.', count),
  startedAt: time,
  seenAt: time,
  jobsFinished: described('Jobs that it has finished since its start, as of `seenAt`.', count),
  running: described(
    'The messages in hand, at most 100.',
    arrayOf(object({ queue: text, asyncId: ref('AsyncId'), chunk: count, attempt: count, since: time })),
  ),
});

const auditEntry = object({
  id: text,
  at: time,
  tenant: described('Whose key, secret or batch it was; `default` for actions.', text),
  actor: described('The key that did it; `admin` is the admin key.', object({ keyId: text, tenant: text })),
  event: described('Such as `key.created`; there may be more in future.', text),
  target: described(
    'The id of the key, the name of the tenant, the address tested, the asyncId of the batch, or the name of the action.',
    text,
  ),
  details: described('What the event adds.', { type: 'object' }),
});

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

export const schemas: Record<string, Schema> = {
  AsyncId: asyncId,
  BatchState: { type: 'string', enum: ['queued', 'running', 'completed', 'cancelled'] },
  JobStatus: { type: 'string', enum: ['succeeded', 'failed', 'cancelled', 'skipped'] },
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
  Job: object(
    {
      namespace: text,
      action: text,
      params: described('By the schema of the action.', { type: 'object' }),
      id: described('A name of the caller; unique in the batch.', { type: ['string', 'number'] }),
      dependsOn: described(
        'The job starts when all of these are met: the id of a job that must succeed, or an object.',
        arrayOf(ref('Dependency')),
      ),
      group: described('A name that jobs share, for jobs that wait for all of them.', text),
      bind: described(
        'By place in the params, a JSON Pointer: the value that comes there before the job runs. The job waits for the other.',
        { type: 'object', additionalProperties: ref('BoundValue') },
      ),
    },
    'id',
    'dependsOn',
    'group',
    'bind',
  ),
  BoundValue: object(
    {
      job: described('The id of the other job.', { type: ['string', 'number'] }),
      at: described("The place of the value in that job's response, a JSON Pointer.", text),
      default: described('The value when there is nothing at that place. Any JSON.', {}),
    },
    'default',
  ),
  Dependency: {
    anyOf: [
      { type: ['string', 'number'] },
      object({ job: { type: ['string', 'number'] }, when: ref('When') }, 'when'),
      object({ group: text, when: ref('When') }, 'when'),
    ],
  },
  When: described('How the job must have ended; `finished` is any end.', {
    enum: ['succeeded', 'failed', 'finished'],
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
  Result: object(
    {
      index: described('The position of the job in the request, from 0.', count),
      id: { type: ['string', 'number'] },
      namespace: described('As sent: any JSON for a job that skipInvalid let pass.', anything),
      action: described('As sent.', anything),
      request: described('The params as sent, with the values that were bound.', anything),
      response: described('What the action returned; an Error when the job failed.', anything),
      status: ref('JobStatus'),
      attempts: described('Runs; 0 for a job that never ran.', count),
      startedAt: orNull('string', { format: 'date-time' }),
      finishedAt: time,
    },
    'id',
  ),
  ResultPage: object({ data: arrayOf(ref('Result')), nextCursor: orNull('string') }),
  BatchResults: object({
    asyncId: ref('AsyncId'),
    results: arrayOf(ref('Result')),
    meta: object({ totalResults: count, start: count, perPage: count, count }),
  }),
  CallbackBody: object(
    {
      asyncId: ref('AsyncId'),
      state: ref('BatchState'),
      counts: ref('Counts'),
      ...labels,
      stoppedBy,
      results: arrayOf(ref('Result')),
    },
    'name',
    'metadata',
    'stoppedBy',
  ),
  DeliveryAttempts: object({ data: arrayOf(attempt) }),
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
  Key: key,
  Keys: object({ data: arrayOf(ref('Key')) }),
  NewKey: object(
    {
      name: { type: 'string', minLength: 1, maxLength: 200 },
      tenant: text,
      permissions: { type: 'array', minItems: 1, items: text },
      expiresAt: orNull('string', { format: 'date-time' }),
      signing: { enum: ['IWS', null] },
    },
    'tenant',
    'expiresAt',
    'signing',
  ),
  MadeKey: {
    ...key,
    required: [...(key.required as string[]), 'key'],
    properties: {
      ...(key.properties as object),
      key: described('The key itself, which is shown here and never again.', text),
      secret: described('The secret for signing requests, for a key made with `signing`.', text),
    },
  },
  ...viewSchemas,
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
  Health: object({ status: text }),
  AuditPage: object({ data: arrayOf(auditEntry), nextCursor: orNull('string') }),
  System: object({
    version: text,
    node: described('The version of Node.', text),
    database: object({ version: text, size: described('In words, such as `12 MB`.', text) }),
    batches: described('Batches that have not ended, by state.', object({ queued: count, running: count })),
    callbacksWaiting: count,
    queues: arrayOf(queue),
    workers: arrayOf(worker),
    limits: described('Those in the configuration, by name.', {
      type: 'object',
      additionalProperties: { type: 'integer' },
    }),
  }),
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
