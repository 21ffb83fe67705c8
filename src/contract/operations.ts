/** Every route of the API, for `/openapi.json`. The test suite fails when a route or an answer is missing here. */
import { batchApi } from './batch-api-operations.ts';
import { batches } from './batch-operations.ts';
import { cursor, inPath, json, limit, type Operation } from './operation.ts';

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
