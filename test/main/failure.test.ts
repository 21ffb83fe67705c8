import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { SERVER_VARIABLE, urlWithDatabase } from '../support/server.ts';
import { type Home, makeHome } from './product.ts';

const nowhere = 'postgres://me:secret@127.0.0.1:1/jobs';
const noDatabase = urlWithDatabase(process.env[SERVER_VARIABLE] ?? '', 'no_such_database');

/** What is set, and the one line that says what is wrong with it. */
const failures: [what: string, env: Record<string, string>, line: RegExp][] = [
  ['a wrong variable', { WORKERS: 'many' }, /^WORKERS=many is not allowed: it must be a whole number from /],
  ['a worker without a database', { ROLE: 'worker' }, /^ROLE=worker needs DATABASE_URL: /],
  [
    'an address of another machine',
    { HOST: '192.0.2.1' },
    /^HOST=192\.0\.2\.1 is no address of this machine/,
  ],
  [
    'a database server that is not there',
    { DATABASE_URL: nowhere },
    /^DATABASE_URL cannot be used: .*REFUSED/,
  ],
  [
    'a database that is not there',
    { DATABASE_URL: noDatabase },
    /^DATABASE_URL cannot be used: database "no_such_database" does not exist$/,
  ],
];

suite('npm start fails with exit code 1 and one line for', { concurrency: true }, () => {
  for (const [what, env, line] of failures)
    test(what, async (t) => assert.match(await failedStart(await makeHome(t), env), line));

  test('a data directory that is a file', async (t) => {
    const home = await makeHome(t);
    const file = join(home.folder, 'file');
    await writeFile(file, '');
    const line = await failedStart(home, { DATA_DIR: file });
    assert.equal(line, `DATA_DIR=${file} cannot be used: EEXIST: file already exists, mkdir '${file}'`);
  });

  test('a plugin that cannot be one', async (t) => {
    const home = await makeHome(t);
    await mkdir(join(home.folder, 'jobs/demo'), { recursive: true });
    await writeFile(join(home.folder, 'jobs/demo/greet.ts'), '');
    const line = await failedStart(home, { PLUGIN_DIR: home.folder });
    assert.equal(line, 'jobs/demo/greet.ts: its schema schemas/demo/greet.ts is missing');
  });
});

async function failedStart(home: Home, env: Record<string, string>): Promise<string> {
  const product = home.start({ LOG_LEVEL: 'warn', ...env });
  assert.deepEqual(await product.exited, { code: 1, signal: null });
  assert.deepEqual(await home.processes(), []);
  assert.deepEqual(product.logged(), []);
  const [line = '', ...more] = product.stderr().split('\n');
  assert.deepEqual(more, [''], product.stderr());
  assert.doesNotMatch(line, /secret/);
  return line;
}
