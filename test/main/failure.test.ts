import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { canReach } from '../../src/embedded/owner.ts';
import { writeFiles } from '../registry/plugin-root.ts';
import { createDatabase } from '../support/database.ts';
import { SERVER_VARIABLE, urlWithDatabase } from '../support/server.ts';
import { type Home, makeHome, NOBODY, ROOT } from './product.ts';
import { startFailure } from './start-failure.ts';

const ADMIN_KEY = 'the admin key of this file';
const nowhere = 'postgres://me:secret@127.0.0.1:1/jobs';
const noDatabase = urlWithDatabase(process.env[SERVER_VARIABLE] ?? '', 'no_such_database');

/** The variables, and the one line that reports what is wrong. */
const failures: [what: string, env: Record<string, string>, line: RegExp][] = [
  ['a worker without a database', { ROLE: 'worker' }, /^ROLE=worker needs DATABASE_URL: /],
  [
    'an address of another machine',
    { HOST: '192.0.2.1' },
    /^HOST=192\.0\.2\.1 is not an address of this machine/,
  ],
  ['a missing database server', { DATABASE_URL: nowhere }, /^DATABASE_URL cannot be used: .*REFUSED/],
  [
    'a missing database',
    { DATABASE_URL: noDatabase },
    /^DATABASE_URL cannot be used: database "no_such_database" does not exist$/,
  ],
];

suite('npm start fails with exit code 1 and one line', { concurrency: 3 }, () => {
  test('npm start fails for a wrong variable', async (t) => {
    const line = await failedStart(await makeHome(t), { WORKERS: 'many' });
    assert.match(line, /^WORKERS=many is not allowed: it must be a whole number from /);
  });

  test('npm start fails for a data directory that is not writable', async (t) => {
    const owner = process.getuid?.() === 0 ? NOBODY : undefined;
    // Root may write everywhere, so another user has to try. That user starts the product from this checkout, and cannot
    // where a folder above it is closed: the test has then nobody left to run as.
    if (!(await canReach(ROOT, owner)))
      return t.skip('this checkout is below a folder closed to other users, such as /root');
    const home = await makeHome(t, owner);
    await chmod(home.folder, 0o555);
    const line = await failedStart(home, {});
    assert.equal(
      line,
      `DATA_DIR=${home.dataDir} cannot be used: EACCES: permission denied, mkdir '${home.dataDir}'`,
    );
  });

  for (const [what, text] of [
    ['ends the process', 'process.exit(0);'],
    ['never ends', 'await new Promise(() => {});'],
  ] as const)
    test(`npm start fails for a plugin whose loading ${what}`, async (t) => {
      const home = await makeHome(t);
      await writePlugin(home, text);
      const line = await failedStart(home, { PLUGIN_DIR: home.folder });
      assert.equal(
        line,
        `${home.folder}/jobs/demo/greet.ts: the process ended while this file was being loaded`,
      );
    });

  test('npm start fails for routes that throw, and stops the embedded database', async (t) => {
    const home = await makeHome(t);
    await writeFiles(home.folder, {
      'jobs/demo/routes.ts': "export default { prefix: '/demo', routes() { throw new Error('oops'); } };",
    });
    const line = await failedStart(home, { PLUGIN_DIR: home.folder });
    assert.equal(line, `${home.folder}/jobs/demo/routes.ts: line 1: oops`);
  });
});

suite('a start fails with one line', () => {
  for (const [what, env, line] of failures)
    test(`a start fails for ${what}`, async (t) =>
      assert.match(await startFailure(await makeHome(t), env), line));

  test('a start fails for an HTTP server in place of the database, in every role', async (t) => {
    const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const DATABASE_URL = `postgres://me:secret@${place}/jobs`;
    const real = process.env[SERVER_VARIABLE] ?? '';
    for (const [variable, env] of [
      ['DATABASE_URL', { DATABASE_URL, ROLE: 'api' }],
      ['DATABASE_URL', { DATABASE_URL, ROLE: 'worker' }],
      ['DATABASE_DIRECT_URL', { DATABASE_URL: real, DATABASE_DIRECT_URL: DATABASE_URL, ROLE: 'worker' }],
    ] as const)
      assert.equal(
        await startFailure(await makeHome(t), env),
        `${variable} cannot be used: ${place} is not Postgres: it answers "HTTP/1.1 400 Bad Request"`,
      );
  });

  test('a start fails for a data directory that is a file', async (t) => {
    const home = await makeHome(t);
    const file = join(home.folder, 'file');
    await writeFile(file, '');
    const line = await startFailure(home, { DATA_DIR: file });
    assert.equal(line, `DATA_DIR=${file} cannot be used: EEXIST: file already exists, mkdir '${file}'`);
  });

  for (const [what, place, reason] of [
    ['where nothing can be made', '/proc/no/such', "ENOENT: no such file or directory, mkdir '/proc/no'"],
    ['below a file', '/dev/null/data', "ENOTDIR: not a directory, mkdir '/dev/null/data'"],
  ] as const)
    test(`a start fails for a data directory ${what}`, {
      skip: process.platform !== 'linux' && 'needs Linux',
    }, async (t) => {
      const line = await startFailure(await makeHome(t), { DATA_DIR: place });
      assert.equal(line, `DATA_DIR=${place} cannot be used: ${reason}`);
    });

  /** The files of PLUGIN_DIR beside its action, and the end of the line that names one of them completely. */
  const plugins: [what: string, files: Record<string, string>, line: string][] = [
    [
      'an action that is JavaScript',
      { 'jobs/demo/act.js': '' },
      '/jobs/demo/act.js: an action is TypeScript, in a file that ends with .ts; what actions share goes to lib/',
    ],
    [
      'an action with an unknown option',
      { 'jobs/demo/greet.ts': "export default { summary: 'Greets', run() {}, timeout: 3 };" },
      '/jobs/demo/greet.ts: timeout is not known: did you mean timeoutSeconds?',
    ],
    [
      'routes that throw',
      {
        'jobs/demo/routes.ts':
          "export default { prefix: '/demo', routes() { throw new Error('one\\ntwo'); } };",
      },
      '/jobs/demo/routes.ts: line 1: one two',
    ],
    [
      'routes whose prefix is taken',
      { 'jobs/demo/routes.ts': "export default { prefix: '/batch', routes() {} };" },
      '/jobs/demo/routes.ts: the prefix /batch is taken, by Batchwright itself',
    ],
  ];
  for (const [what, files, end] of plugins)
    test(`a start fails for ${what} in PLUGIN_DIR`, async (t) => {
      const home = await makeHome(t);
      await writePlugin(home, "export default { summary: 'Greets', run() {} };");
      await writeFiles(home.folder, files);
      const { url: DATABASE_URL } = await createDatabase(t);
      const line = await startFailure(home, { PLUGIN_DIR: home.folder, DATABASE_URL, ADMIN_KEY });
      assert.equal(line, `${home.folder}${end}`);
    });

  test('a start fails for a database that is lost in a migration, and names its variable', async (t) => {
    const home = await makeHome(t);
    await writePlugin(home, "export default { summary: 'Greets', run() {} };");
    const migration = 'jobs/demo/migrations/001_end.sql';
    await writeFiles(home.folder, { [migration]: 'select pg_terminate_backend(pg_backend_pid());' });
    const { url: DATABASE_URL } = await createDatabase(t);
    for (const [variable, env] of [
      ['DATABASE_URL', {}],
      ['DATABASE_DIRECT_URL', { DATABASE_DIRECT_URL: DATABASE_URL, ROLE: 'worker' }],
    ] as const) {
      const line = await startFailure(home, { PLUGIN_DIR: home.folder, DATABASE_URL, ADMIN_KEY, ...env });
      assert.equal(
        line,
        `${variable} cannot be used: Migration ${home.folder}/${migration} failed: terminating connection due to administrator command`,
      );
    }
  });

  test('a start fails for a PLUGIN_DIR without jobs', async (t) => {
    const { folder } = await makeHome(t);
    const line = await startFailure(await makeHome(t), { PLUGIN_DIR: folder });
    assert.equal(
      line,
      `PLUGIN_DIR=${folder} has no folder jobs/: its actions must be jobs/<namespace>/<action>.ts in it`,
    );
  });
});

test('npm start that is stopped while it loads a plugin has not failed', async (t) => {
  const home = await makeHome(t);
  await writePlugin(home, "console.log('loading'); await new Promise((done) => setInterval(done, 60_000));");
  const product = home.start({ LOG_LEVEL: 'warn', PLUGIN_DIR: home.folder });
  await product.says(/^loading$/m);
  product.signalAll('SIGTERM');
  assert.deepEqual(await product.exited, { code: 0, signal: null });
  assert.equal(product.stderr(), '');
});

/** An action with this text, and a schema. */
async function writePlugin({ folder }: Home, text: string): Promise<void> {
  const files = {
    'package.json': '{"type":"module"}',
    'schemas/demo/greet.ts': "export const params = { type: 'object' } as const;",
    'jobs/demo/greet.ts': text,
  };
  await writeFiles(folder, files);
}

async function failedStart(home: Home, env: Record<string, string>): Promise<string> {
  const product = home.startWithoutNpm({ LOG_LEVEL: 'warn', ...env });
  assert.deepEqual(await product.exited, { code: 1, signal: null });
  assert.deepEqual(await home.processes(), []);
  assert.deepEqual(product.logged(), []);
  const [line = '', ...more] = product.stderr().split('\n');
  assert.deepEqual(more, [''], product.stderr());
  assert.doesNotMatch(line, /secret/);
  return line;
}
