import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discover } from '../../src/registry/discover.ts';
import { RegistryError } from '../../src/registry/registry-error.ts';
import { makePluginRoot } from './plugin-root.ts';

test('an action is a file of jobs with its schema beside, whatever else stands there', async (t) => {
  const root = await makeRoot(t, [
    'jobs/demo/greet.ts',
    'schemas/demo/greet.ts',
    'jobs/demo/part2_b.ts',
    'schemas/demo/part2_b.ts',
    'jobs/demo/routes.ts',
    'jobs/demo/migrations/001_greetings.sql',
    'jobs/demo/lib/never-scanned.ts',
    'jobs/demo/README.md',
    'jobs/Other9/x.ts',
    'schemas/Other9/x.ts',
    'jobs/stray.ts',
    'schemas/demo/without-a-job.ts',
    'schemas/lib/fields.ts',
  ]);
  const at = (path: string) => join(root, path);
  assert.deepEqual(discover(root), {
    actions: [
      {
        namespace: 'Other9',
        action: 'x',
        file: at('jobs/Other9/x.ts'),
        schemaFile: at('schemas/Other9/x.ts'),
      },
      {
        namespace: 'demo',
        action: 'greet',
        file: at('jobs/demo/greet.ts'),
        schemaFile: at('schemas/demo/greet.ts'),
      },
      {
        namespace: 'demo',
        action: 'part2_b',
        file: at('jobs/demo/part2_b.ts'),
        schemaFile: at('schemas/demo/part2_b.ts'),
      },
    ],
    routes: [{ namespace: 'demo', file: at('jobs/demo/routes.ts') }],
    migrations: [{ namespace: 'demo', directory: at('jobs/demo/migrations') }],
  });
});

test('a folder without jobs has no plugins', async (t) => {
  const root = await makeRoot(t, ['schemas/demo/greet.ts']);
  assert.deepEqual(discover(root), { actions: [], routes: [], migrations: [] });
});

const namespace = (name: string) => [
  `jobs/${name}/greet.ts`,
  `jobs/${name}: the namespace "${name}" is not allowed`,
];

const refused: (readonly [path: string, message: string])[] = [
  ['jobs/demo/greet.ts', 'jobs/demo/greet.ts: its schema schemas/demo/greet.ts is missing'],
  ['jobs/demo/old/greet.ts', 'jobs/demo/old: only lib/ and migrations/ may stand in a namespace'],
  ['jobs/demo/greet.test.ts', 'jobs/demo/greet.test.ts: "greet.test" is no name for an action'],
  ['jobs/demo/2nd.ts', 'jobs/demo/2nd.ts: "2nd" is no name for an action'],
  ...[
    'batch',
    'batchwright',
    'pgboss',
    'public',
    'pg_catalog',
    'pg_mine',
    'information_schema',
    'Batch',
    'with-dash',
    '.hidden',
  ].map((name) => namespace(name) as [string, string]),
];

for (const [path, message] of refused)
  test(`${path} is refused`, async (t) => {
    const root = await makeRoot(t, [path]);
    assert.throws(() => discover(root), { constructor: RegistryError, message });
  });

function makeRoot(t: TestContext, paths: string[]): Promise<string> {
  return makePluginRoot(t, Object.fromEntries(paths.map((path) => [path, ''])));
}
