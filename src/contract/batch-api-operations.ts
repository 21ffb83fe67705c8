/** The calls of iVvy’s batch API. */
import type { ErrorName } from './errors.ts';
import { idempotencyKey, jobStatus, type Operation, ofIntake, type Parameter, query } from './operation.ts';
import { ref, type Schema } from './schemas.ts';

/** The calls of the batch API: what each takes and answers. */
const calls: Record<string, { summary: string; body: Schema; answer: Schema; alsoGet?: boolean }> = {
  run: {
    summary: 'run a batch of jobs',
    body: ref('NewBatch'),
    answer: {
      anyOf: [
        { type: 'object', required: ['asyncId'], properties: { asyncId: ref('AsyncId') } },
        ref('Checked'),
      ],
    },
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
  pause: {
    summary: 'start no further job before it is resumed',
    body: ref('BatchId'),
    answer: done('paused'),
  },
  resume: { summary: 'let a paused batch go on', body: ref('BatchId'), answer: done('resumed') },
  restart: { summary: 'run again what has not succeeded', body: ref('BatchId'), answer: done('restarted') },
  repost: { summary: 'send the callback again', body: ref('BatchId'), answer: done('reposted') },
};

function done(name: string): Schema {
  return { type: 'object', required: [name], properties: { [name]: { type: 'boolean' } } };
}

/** The calls at one of their two paths. */
export function batchApi(path: string): Operation[] {
  const names = Object.keys(calls);
  const reading = names.filter((name) => calls[name]?.alsoGet);
  const suffix = path === '/batch' ? '' : 'AtApi';
  const list = names.map((name) => `\`${name}\` (${calls[name]?.summary})`).join(', ');
  const errors: ErrorName[] = [...ofIntake, 'batchNotFound', 'resultsNotFound', 'notCompleted'];
  const parameters = [
    query('async', 'The id of the batch, when it is not in the body.', ref('AsyncId')),
    query('dryRun', 'For `run`: checks the batch and stores nothing.', { type: 'boolean' }),
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
