import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { bareEnvironment, ROOT } from '../main/product.ts';

const KEY = `bw_admin_${'0123456789abcdef'.repeat(3)}`;
const GIVEN = 'the-admin-key-of-the-shell';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

suite('batchwright keys admin', { concurrency: true }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batchwright-cli-'));
    await mkdir(join(folder, 'used'));
    await writeFile(join(folder, 'used/admin-key'), `${KEY}\n`);
    await mkdir(join(folder, 'odd/admin-key'), { recursive: true });
  });
  after(() => rm(folder, { recursive: true }));

  /** With the node and npm of the system, whichever runs the tests. */
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

  test('shows the key that DATA_DIR keeps, by npx in the project', async () => {
    const env = { DATA_DIR: join(folder, 'used') };
    assert.deepEqual(await run('npx --no batchwright keys admin', ROOT, env), shown(`${KEY}\n`));
  });

  test('shows it from any other folder, where a relative DATA_DIR begins', async () => {
    assert.deepEqual(await run(`${script} keys admin`, folder, { DATA_DIR: 'used' }), shown(`${KEY}\n`));
  });

  test('shows ADMIN_KEY when it is given, as the server would take it', async () => {
    const env = { DATA_DIR: 'used', ADMIN_KEY: GIVEN };
    assert.deepEqual(await run(`${script} keys admin`, folder, env), shown(`${GIVEN}\n`));
  });

  test('says in one line where it looked in vain', async () => {
    const expected = refused(
      `batchwright: there is no admin key in ${join(folder, '.data')}: start the server there first, or set ADMIN_KEY\n`,
    );
    assert.deepEqual(await run(`${script} keys admin`, folder, {}), expected);
  });

  test('says in one line what it cannot read', async () => {
    const { code, stderr } = await run(`${script} keys admin`, folder, { DATA_DIR: 'odd' });
    assert.equal(code, 1);
    assert.match(stderr, /^batchwright: EISDIR: [^\n]*\n$/);
  });

  test('says in one line which variable is wrong', async () => {
    const expected = refused(
      'batchwright: ADMIN_KEY=(5 characters, not shown) is not allowed: it must be 20 or more printable ASCII characters, without a blank at the beginning or end\n',
    );
    assert.deepEqual(await run(`${script} keys admin`, folder, { ADMIN_KEY: 'short' }), expected);
  });

  test('is not mistaken for a command that there is not', async () => {
    const { code, stderr } = await run(`${script} keys show`, folder, {});
    assert.deepEqual([code, stderr], [1, "error: unknown command 'show'\n"]);
  });
});
