import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
// As a plugin's own tests import it.
import { InvalidParamsError, performAction } from 'batchwright/plugin/testing';
import { makePluginRoot } from '../registry/plugin-root.ts';

/** The example of docs/plugins.md. */
const GREET = `
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Greet } from '#schemas/demo/greet.ts';

export default defineAction<Greet>({
  summary: 'Greet somebody',
  async run({ name }) {
    if (name === 'nobody') throw new NonRetryableError('nobody to greet');
    return { greeting: \`Hello \${name}\` };
  },
});`;
const GREET_SCHEMA = `
import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object', required: ['name'], additionalProperties: false,
  properties: { name: { type: 'string', minLength: 1 } },
} as const satisfies JSONSchema;
export type Greet = FromSchema<typeof params>;`;

const REFUSED = `
import { defineAction, ThrottledError } from 'batchwright/plugin';

export default defineAction<{ how: string }>({
  summary: 'Is refused',
  runMany([job]) {
    const error = new ThrottledError(30, 'slow down');
    if (job?.params.how === 'throws') throw error;
    return [error];
  },
});`;

const ANYTHING = 'export const params = {};';

/** An action `demo.<name>` with any params. */
function action(name: string, members: string): Record<string, string> {
  return {
    [`jobs/demo/${name}.ts`]: `export default { summary: 'x', ${members} };`,
    [`schemas/demo/${name}.ts`]: ANYTHING,
  };
}

const cleanUps: (() => Promise<void>)[] = [];
let root: string;

before(async () => {
  root = await makePluginRoot(
    { after: (fn) => void cleanUps.push(fn) },
    {
      'jobs/demo/greet.ts': GREET,
      'schemas/demo/greet.ts': GREET_SCHEMA,
      'jobs/demo/refused.ts': REFUSED,
      'schemas/demo/refused.ts': ANYTHING,
      ...action('same', 'run: (params) => params'),
      ...action('nothing', 'run() {}'),
      ...action('code', 'run: () => () => 1'),
      ...action('context', 'run: (_, { signal, log, services, sql, progress, ...rest }) => rest'),
      ...action('counts', "run: async (_, { sql }) => (await sql.query('select 1')).rowCount"),
      ...action('asks', "run: (_, { services }) => services.http({ method: 'GET', url: 'http://a.test' })"),
      ...action('reports', 'run(_, { progress }) { progress(1, 2); }'),
      ...action('many', 'runMany: (jobs) => jobs.map((job) => job.params.bad ? new Error("bad") : job)'),
    },
  );
});
after(() => Promise.all(cleanUps.map((cleanUp) => cleanUp())));

test('performAction runs an action by its name', async () => {
  assert.deepEqual(await performAction('demo.greet', { name: 'Ada' }, { root }), { greeting: 'Hello Ada' });
});

test('performAction runs the default export of a file', async () => {
  const { default: greet } = await import(pathToFileURL(join(root, 'jobs/demo/greet.ts')).href);
  assert.deepEqual(await performAction(greet, { name: 'Ada' }, { root }), { greeting: 'Hello Ada' });
});

test('performAction throws what the action throws', async () => {
  await assert.rejects(performAction('demo.greet', { name: 'nobody' }, { root }), {
    name: 'NonRetryableError',
    message: 'nobody to greet',
  });
});

test('performAction throws an error that asks for a later run, thrown or returned, with what it asks for', async () => {
  for (const how of ['throws', 'returns'])
    await assert.rejects(performAction('demo.refused', { how }, { root }), {
      name: 'ThrottledError',
      message: 'slow down',
      delaySeconds: 30,
    });
});

test('performAction refuses params that break the schema, with the messages that a caller gets', async () => {
  await assert.rejects(performAction('demo.greet', { name: '', age: 7 }, { root }), (error) => {
    assert.ok(error instanceof InvalidParamsError);
    assert.deepEqual(error.messages, [
      'params.age is not known',
      'params.name must NOT have fewer than 1 characters',
    ]);
    return true;
  });
});

test('performAction passes params and response through JSON', async () => {
  const sent = { at: new Date(0), none: undefined, many: new Set([1]), list: [undefined] };
  assert.deepEqual(await performAction('demo.same', sent, { root }), {
    at: '1970-01-01T00:00:00.000Z',
    many: {},
    list: [null],
  });
  assert.equal(await performAction('demo.nothing', {}, { root }), null);
  await assert.rejects(
    performAction('demo.code', {}, { root }),
    /the response must be JSON, not a value of type function/,
  );
  await assert.rejects(performAction('demo.same', undefined, { root }), /the params must be JSON/);
});

test('performAction runs runMany with one job', async () => {
  assert.deepEqual(await performAction('demo.many', {}, { root }), { index: 0, params: {}, attempt: 1 });
  await assert.rejects(performAction('demo.many', { bad: true }, { root }), { message: 'bad' });
});

test('performAction creates the context, except for the parts that the test gives', async () => {
  const asyncId = '0'.repeat(32);
  assert.deepEqual(await performAction('demo.context', {}, { root, attempt: 3, tenant: 'acme' }), {
    asyncId,
    index: 0,
    attempt: 3,
    idempotencyKey: `${asyncId}-0`,
    tenant: 'acme',
  });
  const reported: number[][] = [];
  const progress = (...numbers: number[]) => void reported.push(numbers);
  await performAction('demo.reports', {}, { root, progress });
  assert.deepEqual(reported, [[1, 2]]);
});

test('performAction has no database and no network, unless the test passes them', async () => {
  await assert.rejects(performAction('demo.counts', {}, { root }), /has no database: pass one/);
  const sql = { query: async () => ({ rows: [], rowCount: 7 }) };
  assert.equal(await performAction('demo.counts', {}, { root, sql }), 7);
  await assert.rejects(performAction('demo.asks', {}, { root }), /sends no requests: pass a service/);
  const http = async () => ({ status: 204, headers: {}, body: '' });
  const response = { status: 204, headers: {}, body: '' };
  assert.deepEqual(await performAction('demo.asks', {}, { root, services: { http } }), response);
});

test('performAction uses the working directory when no root is given', async () => {
  await assert.rejects(performAction('contact.addOrUpdateContact', {}), InvalidParamsError);
  await assert.rejects(performAction('demo.greet', {}), /there is no action demo\.greet under /);
});
