import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { bareEnvironment, ROOT } from '../main/product.ts';
import { type Outcome, runCommand } from './command.ts';

const KEY = `bw_admin_${'0123456789abcdef'.repeat(3)}`;
const GIVEN = 'the-admin-key-of-the-shell';

suite('batchwright keys admin', { concurrency: true }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batchwright-cli-'));
    await mkdir(join(folder, 'used'));
    await writeFile(join(folder, 'used/admin-key'), `${KEY}\n`);
    await mkdir(join(folder, 'odd/admin-key'), { recursive: true });
  });
  after(() => rm(folder, { recursive: true }));

  /** With the system's own node and npm, not those that run the tests. */
  function run(command: string, cwd: string, env: Record<string, string>): Promise<Outcome> {
    const options = { cwd, env: { ...bareEnvironment(folder), ...env } };
    return new Promise((resolve) => {
      execFile('sh', ['-c', command], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }
  const script = `node '${join(ROOT, 'src/cli/batchwright.mjs')}'`;
  const shown = (stdout: string): Outcome => ({ code: 0, stdout, stderr: '' });
  const refused = (stderr: string): Outcome => ({ code: 1, stdout: '', stderr });

  test('keys admin prints the key in DATA_DIR, by npx in the project', async () => {
    const env = { DATA_DIR: join(folder, 'used') };
    assert.deepEqual(await run('npx --no batchwright keys admin', ROOT, env), shown(`${KEY}\n`));
  });

  test('keys admin works in any other folder, from which a relative DATA_DIR starts', async () => {
    assert.deepEqual(await run(`${script} keys admin`, folder, { DATA_DIR: 'used' }), shown(`${KEY}\n`));
  });

  test('keys admin prints ADMIN_KEY when it is set, as the server reads it', async () => {
    const env = { DATA_DIR: join(folder, 'used'), ADMIN_KEY: GIVEN };
    assert.deepEqual(await runCommand(['keys', 'admin'], { env }), shown(`${GIVEN}\n`));
  });

  test('keys admin reports in one line where it found no key', async () => {
    const expected = refused(
      `batchwright: there is no admin key in ${join(folder, '.data')}: start the server there first, or set ADMIN_KEY\n`,
    );
    assert.deepEqual(await run(`${script} keys admin`, folder, {}), expected);
  });

  test('keys admin reports in one line a file that it cannot read', async () => {
    const { code, stderr } = await runCommand(['keys', 'admin'], { env: { DATA_DIR: join(folder, 'odd') } });
    assert.equal(code, 1);
    assert.match(stderr, /^batchwright: EISDIR: [^\n]*\n$/);
  });

  test('keys admin reports in one line which variable is wrong', async () => {
    const expected = refused(
      'batchwright: ADMIN_KEY=(5 characters, not shown) is not allowed: it must be 20 or more printable ASCII characters, without a blank at the beginning or end\n',
    );
    assert.deepEqual(await runCommand(['keys', 'admin'], { env: { ADMIN_KEY: 'short' } }), expected);
  });

  test('keys with an unknown command is wrong usage', async () => {
    const { code, stderr } = await runCommand(['keys', 'show']);
    assert.equal(code, 2);
    assert.match(stderr, /^batchwright: unknown command 'show'\n/);
  });
});
