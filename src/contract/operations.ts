/** Every route of the API, for `/openapi.json`. The test suite fails when a route or an answer is missing here. */
import type { ErrorName } from './errors.ts';
import { LINES } from './media-types.ts';
import { ref, type Schema } from './schemas.ts';

export interface Parameter {
  name: string;
  in: 'query' | 'path' | 'header';
  description: string;
  schema: Schema;
  required?: boolean;
}

/** What an answer or a body has, by its content type. */
export type Content = Record<string, Schema>;

export interface Operation {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  /** The name of the function in a generated client. */
  id: string;
  tag: Tag;
  summary: string;
  parameters?: Parameter[];
  body?: { content: Content; required?: boolean; examples?: Record<string, unknown> };
  /** By status. */
  answers: Record<number, { description: string; content?: Content; headers?: string[] }>;
  /** Those that are more than the errors of every request. */
  errors?: ErrorName[];
  /** Neither a key nor a signature is needed. */
  isOpen?: boolean;
}

export type Tag = 'Batches' | 'Batch API' | 'Actions' | 'Keys' | 'Operation';

export const tags: Record<Tag, string> = {
  Batches: 'Batches, for new integrations.',
  'Batch API': 'The calls of iVvy’s batch API: `POST /batch?action=…`, and the same at `/api/1.0/batch`.',
  Actions: 'Single actions, and their limits.',
  Keys: 'API keys and the secret of callbacks.',
  Operation: 'Health, metrics and the whole system.',
};

const json = (name: string): Content => ({ 'application/json': ref(name) });
/** Under each of its usual names. */
const asLines = (description: string): Content =>
  Object.fromEntries(LINES.map((type) => [type, { type: 'string', description }]));
const query = (name: string, description: string, schema: Schema): Parameter => ({
  name,
  in: 'query',
  description,
  schema,
});
const inPath = (name: string, description: string, schema: Schema): Parameter => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});

const asyncId = inPath('asyncId', 'The id of the batch.', ref('AsyncId'));
const limit = query('limit', 'Entries on a page.', {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
  default: 100,
});
const cursor = query('cursor', 'The `nextCursor` of the page before.', { type: 'string' });
const idempotencyKey: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Makes the request safe to repeat: the same key and body return the same batch.',
  schema: { type: 'string' },
};
const jobStatus = query('status', 'Results of this status only.', ref('JobStatus'));
const ofIntake: ErrorName[] = [
  'invalidRequest',
  'emptyJobs',
  'tooManyJobs',
  'idempotencyBusy',
  'idempotencyMismatch',
  'notSaved',
];
const accepted = { 202: { description: 'The batch.', content: json('Batch') } };
const options = [
  query('callbackUrl', 'For a body of lines: gets the results when the batch has ended.', { type: 'string' }),
  query('skipInvalid', 'For a body of lines: an option of the batch.', { type: 'boolean' }),
  query('concurrency', 'For a body of lines: an option of the batch.', { type: 'integer', minimum: 1 }),
  query('rate', 'For a body of lines: an option of the batch, as JSON.', { type: 'string' }),
];

const batches: Operation[] = [
  {
    method: 'post',
    path: '/v1/batches',
    id: 'createBatch',
    tag: 'Batches',
    summary: 'Run a batch of jobs',
    parameters: [idempotencyKey, ...options],
    body: {
      required: true,
      content: {
        'application/json': ref('NewBatch'),
        ...asLines('One Job a line, in constant memory.'),
      },
    },
    answers: { 202: { description: 'The batch is stored.', content: json('Batch'), headers: ['Location'] } },
    errors: ofIntake,
  },
  {
    method: 'get',
    path: '/v1/batches',
    id: 'listBatches',
    tag: 'Batches',
    summary: 'List the batches, newest first',
    parameters: [query('state', 'Batches of this state only.', ref('BatchState')), limit, cursor],
    answers: { 200: { description: 'A page of batches.', content: json('BatchPage') } },
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}',
    id: 'getBatch',
    tag: 'Batches',
    summary: 'Show a batch',
    parameters: [asyncId],
    answers: { 200: { description: 'The batch.', content: json('Batch') } },
    errors: ['batchNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/results',
    id: 'listResults',
    tag: 'Batches',
    summary: 'List the results, in the order of the jobs',
    parameters: [asyncId, jobStatus, limit, cursor],
    answers: {
      200: {
        description: 'A page of results; all of them as lines or as CSV, by the Accept header.',
        content: {
          ...json('ResultPage'),
          ...asLines('One Result a line.'),
          'text/csv': { type: 'string', description: 'RFC 4180, with a header line.' },
        },
      },
    },
    errors: ['resultsNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/events',
    id: 'followBatch',
    tag: 'Batches',
    summary: 'Follow a batch by server-sent events',
    parameters: [asyncId],
    answers: {
      200: {
        description: 'Events `progress` with the batch, at most four a second; `finished` is the last one.',
        content: { 'text/event-stream': { type: 'string' } },
      },
      204: { description: 'The client has seen the last event already.' },
    },
    errors: ['batchNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/callbacks',
    id: 'listDeliveryAttempts',
    tag: 'Batches',
    summary: 'List the attempts to deliver the callback',
    parameters: [asyncId],
    answers: { 200: { description: 'The attempts, first to last.', content: json('DeliveryAttempts') } },
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/cancel',
    id: 'cancelBatch',
    tag: 'Batches',
    summary: 'Start no further job of the batch',
    parameters: [asyncId],
    answers: accepted,
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/restart',
    id: 'restartBatch',
    tag: 'Batches',
    summary: 'Run again what has not succeeded',
    parameters: [asyncId],
    body: { content: json('Selection') },
    answers: accepted,
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/repost',
    id: 'repostBatch',
    tag: 'Batches',
    summary: 'Send the callback again',
    parameters: [asyncId],
    answers: accepted,
    errors: ['batchNotFound'],
  },
];

/** The calls of the batch API: what each takes and answers. */
const calls: Record<string, { summary: string; body: Schema; answer: Schema; alsoGet?: boolean }> = {
  run: {
    summary: 'run a batch of jobs',
    body: ref('NewBatch'),
    answer: { type: 'object', required: ['asyncId'], properties: { asyncId: ref('AsyncId') } },
  },
  validate: {
    summary: 'check a batch and store nothing',
    body: ref('NewBatch'),
    answer: { type: 'object', required: ['valid'], properties: { valid: { const: true } } },
  },
  progress: {
    summary: 'show the state, the counts and the progress',
    body: ref('BatchId'),
    answer: ref('BatchStatus'),
    alsoGet: true,
  },
  results: {
    summary: 'list the results, in the order of the jobs',
    body: ref('BatchId'),
    answer: ref('BatchResults'),
    alsoGet: true,
  },
  cancel: { summary: 'start no further job', body: ref('BatchId'), answer: done('cancelled') },
  restart: { summary: 'run again what has not succeeded', body: ref('BatchId'), answer: done('restarted') },
  repost: { summary: 'send the callback again', body: ref('BatchId'), answer: done('reposted') },
};

function done(name: string): Schema {
  return { type: 'object', required: [name], properties: { [name]: { type: 'boolean' } } };
}

function batchApi(path: string): Operation[] {
  const names = Object.keys(calls);
  const reading = names.filter((name) => calls[name]?.alsoGet);
  const suffix = path === '/batch' ? '' : 'AtApi';
  const list = names.map((name) => `\`${name}\` (${calls[name]?.summary})`).join(', ');
  const errors: ErrorName[] = [...ofIntake, 'batchNotFound', 'resultsNotFound', 'notCompleted'];
  const parameters = [
    query('async', 'The id of the batch, when it is not in the body.', ref('AsyncId')),
    query('start', 'For `results`: the first result, from 0.', { type: 'integer', minimum: 0 }),
    query('perPage', 'For `results`: the number of results.', { type: 'integer', minimum: 1 }),
    jobStatus,
  ];
  const action = (of: string[]): Parameter => ({
    ...query('action', 'The call.', { type: 'string', enum: of }),
    required: true,
  });
  const answers = (of: string[]) => ({
    200: {
      description: 'The answer of the call.',
      content: { 'application/json': { anyOf: of.map((name) => calls[name]?.answer ?? {}) } },
    },
  });
  return [
    {
      method: 'post',
      path,
      id: `callBatch${suffix}`,
      tag: 'Batch API',
      summary: `Call the batch API: ${list}`,
      parameters: [action(names), idempotencyKey, ...parameters],
      body: { content: { 'application/json': { anyOf: [ref('NewBatch'), ref('BatchId')] } } },
      answers: answers(names),
      errors,
    },
    {
      method: 'get',
      path,
      id: `readBatch${suffix}`,
      tag: 'Batch API',
      summary: 'Call the batch API: `progress` and `results`',
      parameters: [action(reading), ...parameters],
      answers: answers(reading),
      errors: ['batchNotFound', 'resultsNotFound', 'notCompleted'],
    },
  ];
}

const name = inPath('name', '`namespace.action`', { type: 'string' });

export const operations: readonly Operation[] = [
  ...batches,
  ...batchApi('/batch'),
  ...batchApi('/api/1.0/batch'),
  {
    method: 'get',
    path: '/v1/actions',
    id: 'listActions',
    tag: 'Actions',
    summary: 'List what can be run',
    answers: { 200: { description: 'The actions, by name.', content: json('Actions') } },
  },
  {
    method: 'get',
    path: '/v1/actions/{name}',
    id: 'getAction',
    tag: 'Actions',
    summary: 'Show an action with its JSON Schema',
    parameters: [name],
    answers: { 200: { description: 'The action.', content: json('Action') } },
    errors: ['notFound'],
  },
  {
    method: 'patch',
    path: '/v1/actions/{name}',
    id: 'changeAction',
    tag: 'Actions',
    summary: 'Change the limits of an action, pause or resume it; for the operator',
    parameters: [name],
    body: { required: true, content: json('ActionChange') },
    answers: { 200: { description: 'Its limits now.', content: json('ActionLimits') } },
    errors: ['notFound'],
  },
  {
    method: 'get',
    path: '/v1/limits',
    id: 'listLimits',
    tag: 'Actions',
    summary: 'List the limits in use',
    answers: { 200: { description: 'The limits and their buckets.', content: json('LimitsInUse') } },
  },
  {
    method: 'post',
    path: '/v1/keys',
    id: 'createKey',
    tag: 'Keys',
    summary: 'Make an API key',
    body: { required: true, content: json('NewKey') },
    answers: {
      201: { description: 'The key, shown once.', content: json('MadeKey'), headers: ['Location'] },
    },
    errors: ['notConfigured'],
  },
  {
    method: 'get',
    path: '/v1/keys',
    id: 'listKeys',
    tag: 'Keys',
    summary: 'List the keys of the tenant',
    answers: { 200: { description: 'The keys, oldest first.', content: json('Keys') } },
  },
  {
    method: 'delete',
    path: '/v1/keys/{id}',
    id: 'revokeKey',
    tag: 'Keys',
    summary: 'Revoke a key',
    parameters: [inPath('id', 'The id of the key.', { type: 'string' })],
    answers: { 204: { description: 'The key is refused within 5 s.' } },
    errors: ['notFound'],
  },
  {
    method: 'get',
    path: '/v1/callback-secret',
    id: 'getCallbackSecret',
    tag: 'Keys',
    summary: 'Show the secret that signs the callbacks of the tenant',
    answers: { 200: { description: 'The secret.', content: json('CallbackSecret') } },
  },
  {
    method: 'get',
    path: '/v1/system',
    id: 'getSystem',
    tag: 'Operation',
    summary: 'Show queues, workers and limits; for the operator',
    answers: { 200: { description: 'The whole system.', content: json('System') } },
  },
  {
    method: 'get',
    path: '/v1/audit',
    id: 'listAudit',
    tag: 'Operation',
    summary:
      'List who made or revoked keys, cancelled or restarted batches, paused actions or changed limits',
    parameters: [limit, cursor],
    answers: { 200: { description: 'A page of entries, youngest first.', content: json('AuditPage') } },
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    tag: 'Operation',
    summary:
      'Show the metrics in the text format of Prometheus; with METRICS_KEY as bearer token where it is set',
    answers: {
      200: { description: 'The metrics.', content: { 'text/plain': { type: 'string' } } },
      404: { description: 'They are closed, or the key is another one.', content: json('Error') },
    },
    isOpen: true,
  },
  {
    method: 'get',
    path: '/healthz',
    id: 'getHealth',
    tag: 'Operation',
    summary: 'Say that the process is alive',
    answers: { 200: { description: 'It is.', content: json('Health') } },
    isOpen: true,
  },
  {
    method: 'get',
    path: '/readyz',
    id: 'getReadiness',
    tag: 'Operation',
    summary: 'Say whether the database and the queue answer',
    answers: {
      200: { description: 'They do.', content: json('Health') },
      503: { description: 'They do not, or not yet.', content: json('Health') },
    },
    isOpen: true,
  },
];
