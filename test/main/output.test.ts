/** The output of a start: to a terminal, or to a pipe whose reader may go away. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { waitFor } from '../support/wait.ts';
import { bareEnvironment, keptKey, makeHome, ROOT } from './product.ts';

/** A Linux program that runs another program on a terminal. */
const hasScript = await promisify(execFile)('script', ['--version']).then(
  ({ stdout }) => stdout.includes('util-linux'),
  () => false,
);

suite('npm start', { concurrency: true }, () => {
  test('npm start on a terminal shows the address and the new admin key, and drains when the terminal is closed', {
    skip: !hasScript && 'needs script of util-linux',
  }, async (t) => {
    const home = await makeHome(t);
    const env = { ...bareEnvironment(home.folder), DATA_DIR: home.dataDir, ROLE: 'api' };
    const terminal = spawn('script', ['-qec', 'npm start', '/dev/null'], { cwd: ROOT, env });
    t.after(() => terminal.kill('SIGKILL'));
    let shown = '';
    terminal.stdout.on('data', (text: Buffer) => {
      shown += text;
    });
    const [, key] = await waitFor(
      async () => /^Your admin key, generated on this first start: (\S+)$/m.exec(shown.replaceAll('\r', '')),
      { what: 'the admin key', timeoutMs: 60_000 },
    );
    assert.equal(key, await keptKey(home.dataDir));
    assert.match(shown, /^Batchwright is ready at http:\/\/127\.0\.0\.1:\d+\r?$/m);
    assert.doesNotMatch(shown, /^\{/m);

    terminal.kill('SIGKILL');
    await once(terminal, 'exit');
    await waitFor(async () => (await home.processes()).length === 0, {
      what: 'all processes to end',
      timeoutMs: 60_000,
    });
  });

  test('npm start continues when the reader of its output goes away, and drains on SIGHUP', async (t) => {
    const home = await makeHome(t);
    const product = home.startWithoutNpm({ LOG_LEVEL: 'trace' });
    const site = await product.ready();
    await product.says(/"worker ready"/);
    const { pid } = product.logged().find(({ msg }) => msg === 'The embedded database is ready') ?? {};
    product.npm.stdout?.destroy();
    const asyncId = await site.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }]);
    assert.deepEqual((await site.results(asyncId))[0].response, { n: 1 });
    process.kill(pid as number, 'SIGHUP');
    assert.deepEqual(await product.exited, { code: 0, signal: null });
    assert.deepEqual(await home.processes(), []);
  });
});
