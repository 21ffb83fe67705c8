import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createEmptyDatabase } from '../main/empty-database.ts';
import { makeHome, ROOT } from '../main/product.ts';
import { withClient } from '../support/server.ts';
import { writeFiles } from './plugin-root.ts';

const ADMIN_KEY = 'the-admin-key-of-the-plugin';

/** The first two are the example of docs/plugins.md. */
const PLUGIN = {
  'schemas/demo/greet.ts': `
import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object', required: ['name'], additionalProperties: false,
  properties: { name: { type: 'string', minLength: 1 } },
} as const satisfies JSONSchema;
export type Greet = FromSchema<typeof params>;
`,
  'jobs/demo/greet.ts': `
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Greet } from '#schemas/demo/greet.ts';

export default defineAction<Greet>({
  summary: 'Greet somebody',
  retry: { limit: 3, delaySeconds: 1, backoff: true },   // the default: at most 3 runs after the first
  timeoutSeconds: 60,                                     // the default
  async run({ name }, { asyncId, index, attempt, idempotencyKey, tenant, signal, log, progress, sql }) {
    if (name === 'nobody') throw new NonRetryableError('nobody to greet');
    return { greeting: \`Hello \${name}\` };
  },
});
`,
  'schemas/demo/remember.ts': `
import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object', required: ['name'], properties: { name: { type: 'string' } },
} as const satisfies JSONSchema;
export type Remember = FromSchema<typeof params>;
`,
  'jobs/demo/remember.ts': `
import { defineAction } from 'batchwright/plugin';
import { table } from './lib/table.ts';
import type { Remember } from '#schemas/demo/remember.ts';

export default defineAction<Remember>({
  summary: 'Remember somebody',
  transactional: true,
  async runMany(jobs, { sql }) {
    const names = jobs.map(({ params }) => params.name);
    await sql.query(\`insert into \${table} (name) select unnest($1::text[])\`, [names]);
    return names.map((name) => ({ name }));
  },
});
`,
  'jobs/demo/lib/table.ts': `
import type { Greet } from '#schemas/demo/greet.ts';

export const table = 'demo.known';
// @ts-expect-error the type is the schema's
export const noGreet: Greet = { name: 1 };
`,
  'jobs/demo/migrations/001_known.sql': 'create table demo.known (name text primary key);',
  'jobs/demo/routes.ts': `
import { defineRoutes } from 'batchwright/plugin';

export default defineRoutes({
  prefix: '/demo',
  routes(router, { submit, batch, results, call }) {
    router.post('/greet/:name', async (request, response) => {
      response.json(await call(request, 'demo.greet', { name: request.params.name }));
    });
    router.post('/remember/:names', async (request, response) => {
      const names = request.params.names.split(',');
      const jobs = names.map((name) => ({ namespace: 'demo', action: 'remember', params: { name } }));
      response.status(202).json(await submit(request, { jobs }));
    });
    router.post('/batch/:id', async (request, response) => {
      const found = [];
      for await (const result of results(request, request.params.id)) found.push(result);
      response.json({ batch: await batch(request, request.params.id), results: found });
    });
  },
});
`,
  'tsconfig.demo.json': '{ "extends": "./tsconfig.json", "include": ["jobs/demo", "schemas/demo"] }',
};

test('a plugin is added by adding files', async (t) => {
  const home = await makeHome(t);
  const project = join(home.folder, 'project');
  for (const part of ['src', 'jobs', 'schemas', 'package.json', 'tsconfig.json'])
    await cp(join(ROOT, part), join(project, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(project, 'node_modules'));
  await writeFiles(project, PLUGIN);
  const databaseUrl = await createEmptyDatabase(t);
  const env = { DATABASE_URL: databaseUrl, ADMIN_KEY, PLUGIN_DIR: '' };
  const site = await home.start(env, project).ready(ADMIN_KEY);

  await t.test('the jobs of an added plugin run', async () => {
    const job = (params: object) => ({ namespace: 'demo', action: 'greet', params });
    const asyncId = await site.run([job({ name: 'Ada' }), job({ name: 'nobody' })]);
    const [greeted, failed] = await site.results(asyncId);
    assert.deepEqual([greeted.status, greeted.response], ['succeeded', { greeting: 'Hello Ada' }]);
    assert.deepEqual([failed.status, failed.attempts], ['failed', 1]);
    assert.equal(failed.response.message, 'nobody to greet');
  });

  await t.test('the schema of an added plugin is used', async () => {
    const jobs = [{ namespace: 'demo', action: 'greet', params: { name: 7 } }];
    const { status, body } = await site.rpc('run', { jobs });
    assert.deepEqual([status, body.specificCode], [400, 24092]);
    assert.deepEqual(body.additionalMessages, ['jobs[0].params.name must be string']);
  });

  await t.test(
    'the routes of an added plugin call actions and submit batches, and its migrations have made its tables',
    async () => {
      assert.deepEqual((await site.post('/demo/greet/Grace')).body, { greeting: 'Hello Grace' });
      const { status, body } = await site.post('/demo/remember/Ada,Grace');
      assert.equal(status, 202);
      await site.results(body.asyncId);
      const read = (await site.post(`/demo/batch/${body.asyncId}`)).body;
      assert.equal(read.batch.counts.succeeded, 2);
      assert.deepEqual(
        read.results.map((result: { response: object }) => result.response),
        [{ name: 'Ada' }, { name: 'Grace' }],
      );
      const { rows } = await withClient(databaseUrl, (client) =>
        client.query('select name from demo.known order by name'),
      );
      assert.deepEqual(rows, [{ name: 'Ada' }, { name: 'Grace' }]);
    },
  );

  await t.test('the types of an added plugin come from its schemas', async () => {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = { cwd: project };
    await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.demo.json'], options).catch((error) =>
      assert.fail(error.stdout),
    );
  });
});
