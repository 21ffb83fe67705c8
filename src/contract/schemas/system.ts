/** JSON Schemas of the installation, and of the audit. */
import { arrayOf, count, described, object, orNull, ref, type Schema, text, time } from '../schema-parts.ts';

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

export const systemSchemas: Record<string, Schema> = {
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
};
