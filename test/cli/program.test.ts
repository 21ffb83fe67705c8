import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { outcomeOf, runCommand, startCommand } from './command.ts';

suite('the command line', { concurrency: true }, () => {
  test('an unknown command is wrong usage, and the nearest one is suggested', async () => {
    const { code, stdout, stderr } = await outcomeOf(startCommand(['kyes']));
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^batchwright: unknown command 'kyes'\n\(Did you mean keys\?\)\n/);
  });

  test('an unknown option is wrong usage, and the nearest one is suggested', async () => {
    const { code, stderr } = await runCommand(['--verison']);
    assert.equal(code, 2);
    assert.match(stderr, /^batchwright: unknown option '--verison'\n\(Did you mean --version\?\)\n/);
  });

  test('without a command the help is printed on standard error, as wrong usage', async () => {
    const { code, stdout, stderr } = await runCommand([]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^Usage: batchwright \[options\] \[command\]\n/);
  });

  test('--help and --version are printed on standard output', async () => {
    const help = await runCommand(['--help']);
    assert.deepEqual([help.code, help.stderr], [0, '']);
    assert.match(help.stdout, /^ {2}keys /m);
    const same = await runCommand(['help', 'submit']);
    assert.deepEqual(same, await runCommand(['submit', '--help']));
    const version = await outcomeOf(startCommand(['--version']));
    assert.deepEqual([version.code, version.stderr], [0, '']);
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
