import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobContext } from '../../src/plugin/context.ts';
import { loadRegistry } from '../../src/registry/registry.ts';
import { RegistryError } from '../../src/registry/registry-error.ts';
import { makePluginRoot } from './plugin-root.ts';

const JOB = 'jobs/demo/greet.ts';
const SCHEMA = 'schemas/demo/greet.ts';
const ROUTES = 'jobs/demo/routes.ts';
const schema = "export const params = { type: 'object' };";

/** The text of an action with these members beside what it must have. */
function action(members = ''): string {
  return `import { defineAction } from 'batchwright/plugin';
export default defineAction({ summary: 'Greets', run: () => 'Hello', ${members} });`;
}

test('an action gets every default that it does not set', async (t) => {
  const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action() });
  const registry = await loadRegistry([root]);
  const { action: given, validate, ...entry } = registry.get('demo', 'greet') ?? assert.fail('not found');
  assert.deepEqual(entry, {
    name: 'demo.greet',
    schema: { type: 'object' },
    permission: 'demo.greet',
    queue: 'default',
    concurrency: 10,
    timeoutSeconds: 60,
    transactional: false,
    retry: { limit: 3, delaySeconds: 1, backoff: true },
  });
  assert.equal(given.summary, 'Greets');
  assert.equal(validate({}) && !validate([]), true);
  assert.deepEqual(registry.queues, ['default']);
  assert.equal(registry.get('demo', 'other'), undefined);
});

test('an action keeps what it sets', async (t) => {
  const members = `permission: 'demo.any', queue: 'mails', concurrency: 2, timeoutSeconds: 0.5,
    transactional: true, retry: { limit: 0 }`;
  const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action(members) });
  const registry = await loadRegistry([root]);
  const {
    action: _,
    validate,
    schema: __,
    name,
    ...options
  } = registry.get('demo', 'greet') ?? assert.fail();
  assert.deepEqual(options, {
    permission: 'demo.any',
    queue: 'mails',
    concurrency: 2,
    timeoutSeconds: 0.5,
    transactional: true,
    retry: { limit: 0, delaySeconds: 1, backoff: true },
  });
  assert.deepEqual(registry.queues, ['default', 'mails']);
});

test('a namespace may have routes and migrations, with actions or without', async (t) => {
  const routes = "export default { prefix: '/demo/v2', routes() {} };";
  const root = await makePluginRoot(t, { [ROUTES]: routes, 'jobs/demo/migrations/001_a.sql': '' });
  const registry = await loadRegistry([root]);
  assert.deepEqual(
    registry.routes.map((entry) => [entry.namespace, entry.routes.prefix]),
    [['demo', '/demo/v2']],
  );
  assert.deepEqual(registry.migrations, [{ namespace: 'demo', directory: `${root}/jobs/demo/migrations` }]);
});

test('an action of two roots is refused', async (t) => {
  const [one, other] = await Promise.all(
    [1, 2].map(() => makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action() })),
  );
  await assert.rejects(loadRegistry([one as string, other as string]), {
    constructor: RegistryError,
    message: 'jobs/demo/greet.ts: the action demo.greet exists already',
  });
});

/** What is wrong, the files, and the one line that says so. */
const refused: [what: string, files: Record<string, string>, message: string | RegExp][] = [
  ['a job that exports nothing', { [JOB]: '' }, `${JOB}: its default export must be defineAction({ … })`],
  [
    'a job that exports a function',
    { [JOB]: 'export default () => 1;' },
    `${JOB}: its default export must be defineAction({ … })`,
  ],
  [
    'a job that exports null',
    { [JOB]: 'export default null;' },
    `${JOB}: its default export must be defineAction({ … })`,
  ],
  [
    'a job with neither run nor runMany',
    { [JOB]: "export default { summary: 'x' };" },
    `${JOB}: it must have either run or runMany`,
  ],
  ['a job with both', { [JOB]: action('runMany: () => []') }, `${JOB}: it must have either run or runMany`],
  [
    'a job without a summary',
    { [JOB]: 'export default { run() {} };' },
    `${JOB}: its summary must be a text`,
  ],
  [
    'a job with a syntax error',
    { [JOB]: 'export default {\n  run( {};\n' },
    /^jobs\/demo\/greet\.ts: greet\.ts:[23]: Expected/,
  ],
  [
    'a job that imports what is not there',
    { [JOB]: "import './lib/gone.ts';" },
    /^jobs\/demo\/greet\.ts: Cannot find module .*lib\/gone\.ts/,
  ],
  ['a job that throws', { [JOB]: "throw new Error('first\\nsecond');" }, `${JOB}: first second`],
  [
    'concurrency 0',
    { [JOB]: action('concurrency: 0') },
    `${JOB}: concurrency must be a whole number from 1, not 0`,
  ],
  [
    'a timeout of no time',
    { [JOB]: action('timeoutSeconds: 0') },
    `${JOB}: timeoutSeconds must be over 0 and at most 21600, not 0`,
  ],
  [
    'a timeout of a day',
    { [JOB]: action('timeoutSeconds: 86400') },
    `${JOB}: timeoutSeconds must be over 0 and at most 21600, not 86400`,
  ],
  [
    'a queue that is no name',
    { [JOB]: action("queue: 'my mails'") },
    `${JOB}: queue "my mails" must be letters, digits, - and _`,
  ],
  [
    'retries without number',
    { [JOB]: action("retry: { limit: 'many' }") },
    `${JOB}: retry.limit must be a whole number from 0 to 1000, not many`,
  ],
  [
    'a retry before its time',
    { [JOB]: action('retry: { delaySeconds: -1 }') },
    `${JOB}: retry.delaySeconds must not be negative`,
  ],
  [
    'a backoff that is a number',
    { [JOB]: action('retry: { backoff: 2 }') },
    `${JOB}: retry.backoff must be true or false`,
  ],
  ['no permission', { [JOB]: action("permission: ''") }, `${JOB}: its permission must be a text`],
  ['transactional: 1', { [JOB]: action('transactional: 1') }, `${JOB}: transactional must be true or false`],
  ['a schema that exports nothing', { [SCHEMA]: '' }, `${SCHEMA}: it must export params, a JSON Schema`],
  [
    'a schema by another name',
    { [SCHEMA]: schema.replace('params', 'schema') },
    `${SCHEMA}: it must export params, a JSON Schema`,
  ],
  [
    'a schema that does not compile',
    { [SCHEMA]: "export const params = { type: 'objekt' };" },
    /^schemas\/demo\/greet\.ts: the schema does not compile: .*must be equal to one of the allowed values/,
  ],
  [
    'a schema with an unknown keyword',
    { [SCHEMA]: "export const params = { type: 'object', maxLenght: 3 };" },
    `${SCHEMA}: the schema does not compile: strict mode: unknown keyword: "maxLenght"`,
  ],
  [
    'a schema with an unknown format',
    { [SCHEMA]: "export const params = { type: 'string', format: 'emale' };" },
    /^schemas\/demo\/greet\.ts: the schema does not compile: unknown format "emale"/,
  ],
  [
    'a schema with a syntax error',
    { [SCHEMA]: 'export const params = {' },
    /^schemas\/demo\/greet\.ts: greet\.ts:1: .*Expected/,
  ],
  ...["''", "'demo'", "'/'", "'/demo/'", "'/:any'", "'/a(b'", '1'].map(
    (prefix): [string, Record<string, string>, string] => [
      `routes with the prefix ${prefix}`,
      { [ROUTES]: `export default { prefix: ${prefix}, routes() {} };` },
      `${ROUTES}: its default export must be defineRoutes({ prefix: "/…", … })`,
    ],
  ),
  [
    'routes that are none',
    { [ROUTES]: "export default { prefix: '/demo' };" },
    `${ROUTES}: defineRoutes needs a routes function`,
  ],
  [
    'routes that exports nothing',
    { [ROUTES]: 'export const prefix = 1;' },
    `${ROUTES}: its default export must be defineRoutes({ prefix: "/…", … })`,
  ],
];

for (const [what, files, message] of refused)
  test(`${what} stops the start with one line that names the file`, async (t) => {
    const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action(), ...files });
    const error = await loadRegistry([root]).then(
      () => assert.fail('it was loaded'),
      (thrown) => thrown,
    );
    assert.ok(error instanceof RegistryError);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
  });

// The last one: what it loads reads all plugins after it, and words its errors otherwise.
test('a plugin may use TypeScript that takes more than leaving types out', async (t) => {
  const root = await makePluginRoot(t, {
    [SCHEMA]: schema,
    [JOB]: `import { defineAction } from 'batchwright/plugin';
      import { Colour } from './lib/colour.ts';
      class Painter { constructor(private readonly colour: Colour) {} paint() { return this.colour; } }
      export default defineAction({ summary: 'Paints', run: () => new Painter(Colour.Red).paint() });`,
    'jobs/demo/lib/colour.ts': "export enum Colour { Red = 'red' }",
  });
  const registry = await loadRegistry([root]);
  const { action } = registry.get('demo', 'greet') ?? assert.fail();
  assert.equal(await action.run?.({}, {} as JobContext), 'red');
});
