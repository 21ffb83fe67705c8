/** The form in which a route is described, and its usual parts. */
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

export const json = (name: string): Content => ({ 'application/json': ref(name) });
/** Under each of its usual names. */
export const asLines = (description: string): Content =>
  Object.fromEntries(LINES.map((type) => [type, { type: 'string', description }]));
export const query = (name: string, description: string, schema: Schema): Parameter => ({
  name,
  in: 'query',
  description,
  schema,
});
export const inPath = (name: string, description: string, schema: Schema): Parameter => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});

export const asyncId = inPath('asyncId', 'The id of the batch.', ref('AsyncId'));
export const limit = query('limit', 'Entries on a page.', {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
  default: 100,
});
export const cursor = query('cursor', 'The `nextCursor` of the page before.', { type: 'string' });
export const idempotencyKey: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Makes the request safe to repeat: the same key and body mean the same batch, or the same call of an action.',
  schema: { type: 'string' },
};
/** Of every request with a body. */
export const ofBody: ErrorName[] = ['bodyTooLarge', 'unsupportedEncoding'];
export const jobStatus = query('status', 'Results of this status only.', ref('JobStatus'));
export const ofIntake: ErrorName[] = [
  'invalidRequest',
  'emptyJobs',
  'tooManyJobs',
  'idempotencyBusy',
  'idempotencyMismatch',
  'notSaved',
];
