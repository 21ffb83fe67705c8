import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discover } from '../../src/registry/discover.ts';
import { RegistryError } from '../../src/registry/registry-error.ts';
import { makePluginRoot } from './plugin-root.ts';

test('an action is a file of jobs with its schema, and incidental files are ignored', async (t) => {
  const root = await makeRoot(t, [
    'jobs/demo/greet.ts',
    'schemas/demo/greet.ts',
    'jobs/demo/part2_b.ts',
    'schemas/demo/part2_b.ts',
    'jobs/demo/routes.ts',
    'jobs/demo/callback.ts',
    'jobs/demo/migrations/001_greetings.sql',
    'jobs/demo/lib/never-scanned.js',
    'jobs/lib/never-scanned.ts',
    'jobs/Other9/x.ts',
    'schemas/Other9/x.ts',
    'schemas/lib/fields.ts',
    'schemas/demo/lib/fields.ts',
    'jobs/README.md',
    'jobs/.DS_Store',
    'jobs/.git/HEAD',
    'jobs/demo/notes.txt',
    'jobs/demo/greet.ts~',
    'jobs/demo/.greet.ts.swp',
    'jobs/demo/greet.d.ts',
    'schemas/demo/#greet.ts#',
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
    callbacks: [{ namespace: 'demo', file: at('jobs/demo/callback.ts') }],
    migrations: [{ namespace: 'demo', directory: at('jobs/demo/migrations') }],
    warnings: [],
  });
});

test('a folder without jobs has no plugins', async (t) => {
  const root = await makeRoot(t, ['package.json']);
  assert.deepEqual(discover(root), {
    actions: [],
    routes: [],
    callbacks: [],
    migrations: [],
    warnings: [],
  });
});

test('namespaces and files may be links', async (t) => {
  const root = await makeRoot(t, ['elsewhere/greet.ts', 'schemas/demo/greet.ts', 'schemas/demo/other.ts']);
  await mkdir(join(root, 'jobs'));
  await symlink(join(root, 'elsewhere'), join(root, 'jobs/demo'));
  await symlink(join(root, 'elsewhere/greet.ts'), join(root, 'elsewhere/other.ts'));
  assert.deepEqual(
    discover(root).actions.map(({ action }) => action),
    ['greet', 'other'],
  );
});

test('a link to a missing file is refused', async (t) => {
  const root = await makeRoot(t, ['jobs/README.md']);
  await symlink(join(root, 'gone'), join(root, 'jobs/demo'));
  assert.throws(() => discover(root), {
    constructor: RegistryError,
    message: `${root}/jobs/demo: it is a link to a missing file`,
  });
});

/** The file, and the end of the one line that the start warns with. */
const warned: [path: string, reason: string][] = [
  ['jobs/countries.json', 'jobs/ has a folder for each namespace'],
  ['jobs/demo/template.html', 'what actions read goes to lib/'],
  ['schemas/demo/left-behind.ts', 'it is the schema of no action; what schemas share goes to schemas/lib/'],
  ['schemas/other/greet.ts', 'it is the schema of no action; what schemas share goes to schemas/lib/'],
  ['schemas/shared.ts', 'it is the schema of no action; what schemas share goes to schemas/lib/'],
  ['schemas/demo/greet.json', 'it is the schema of no action; what schemas share goes to schemas/lib/'],
];

for (const [path, reason] of warned)
  test(`${path} causes a warning`, async (t) => {
    const root = await makeRoot(t, ['jobs/demo/greet.ts', 'schemas/demo/greet.ts', path]);
    assert.deepEqual(discover(root).warnings, [`${root}/${path} is not used: ${reason}`]);
  });

const RULE = 'it must be letters, digits and _, begin with a letter and have 63 characters at most';
const LONG = 'a'.repeat(64);
const IN_TYPESCRIPT =
  'an action is TypeScript, in a file that ends with .ts; what actions share goes to lib/';
const SCHEMA_IN_TYPESCRIPT =
  'a schema is TypeScript, in a file that ends with .ts; what schemas share goes to schemas/lib/';
const TESTS_ELSEWHERE = 'tests belong outside jobs/ and schemas/, as in test/jobs/';

/** A file, the name in the error, and its text. */
const refused: [path: string, place: string, message: string][] = [
  [
    'jobs/demo/old/greet.ts',
    'jobs/demo/old',
    'a namespace may only have the folders lib/ and migrations/; what actions share goes to lib/',
  ],
  ['jobs/demo/2nd.ts', 'jobs/demo/2nd.ts', `"2nd" is not a valid name of an action: ${RULE}`],
  [`jobs/demo/${LONG}.ts`, `jobs/demo/${LONG}.ts`, `"${LONG}" is not a valid name of an action: ${RULE}`],
  ['jobs/demo/my-act.ts', 'jobs/demo/my-act.ts', `"my-act" is not a valid name of an action: ${RULE}`],
  ...['js', 'mjs', 'cjs', 'mts', 'cts', 'jsx', 'tsx'].map((extension): [string, string, string] => [
    `jobs/demo/act.${extension}`,
    `jobs/demo/act.${extension}`,
    IN_TYPESCRIPT,
  ]),
  ['jobs/demo/routes.js', 'jobs/demo/routes.js', IN_TYPESCRIPT],
  [
    'jobs/loose.ts',
    'jobs/loose.ts',
    'an action belongs in the folder of its namespace, as in jobs/demo/loose.ts',
  ],
  [
    'jobs/demo/001_tables.sql',
    'jobs/demo/001_tables.sql',
    'a migration belongs in jobs/<namespace>/migrations/',
  ],
  ['jobs/demo/greet.test.ts', 'jobs/demo/greet.test.ts', TESTS_ELSEWHERE],
  ['jobs/demo/greet.spec.js', 'jobs/demo/greet.spec.js', TESTS_ELSEWHERE],
  ['jobs/greet.test.ts', 'jobs/greet.test.ts', TESTS_ELSEWHERE],
  ['schemas/demo/greet.test.ts', 'schemas/demo/greet.test.ts', TESTS_ELSEWHERE],
  ['schemas/demo/greet.js', 'schemas/demo/greet.js', SCHEMA_IN_TYPESCRIPT],
  ...['batch', 'batchwright', 'pgboss', 'public', 'pg_catalog', 'pg_mine', 'information_schema', 'Batch'].map(
    (name): [string, string, string] => [
      `jobs/${name}/greet.ts`,
      `jobs/${name}`,
      `the namespace "${name}" is reserved`,
    ],
  ),
  ['jobs/with-dash/greet.ts', 'jobs/with-dash', `the namespace "with-dash" is not allowed: ${RULE}`],
];

for (const [path, place, message] of refused)
  test(`${path.slice(0, 40)} is refused`, async (t) => {
    const root = await makeRoot(t, [path]);
    assert.throws(() => discover(root), {
      constructor: RegistryError,
      message: `${root}/${place}: ${message}`,
    });
  });

/** An action without a schema, the files beside it, and the hint that follows. */
const missing: [beside: string[], hint: string][] = [
  [[], ''],
  [['greet.js'], 'greet.js'],
  [['greet.json'], 'greet.json'],
  [['Greet.ts'], 'Greet.ts'],
];

for (const [beside, other] of missing)
  test(`an action without its schema is refused${other && `, and ${other} is not its schema`}`, async (t) => {
    const root = await makeRoot(t, ['jobs/demo/greet.ts', ...beside.map((name) => `schemas/demo/${name}`)]);
    const hint = other && `; ${root}/schemas/demo/${other} is not it: the name must be the same`;
    assert.throws(() => discover(root), {
      constructor: RegistryError,
      message: `${root}/jobs/demo/greet.ts: its schema ${root}/schemas/demo/greet.ts is missing${hint}`,
    });
  });

function makeRoot(t: TestContext, paths: string[]): Promise<string> {
  return makePluginRoot(t, Object.fromEntries(paths.map((path) => [path, ''])));
}
