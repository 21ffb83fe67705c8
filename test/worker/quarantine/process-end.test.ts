import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import { howItEnded, passOn } from '../../../src/worker/quarantine/process-end.ts';

const PROGRAM = resolve(import.meta.dirname, 'ending-process.ts');

const WORDS = {
  exit: 'ended its process (exit code 3)',
  abort: 'aborted its process (SIGABRT)',
  kill: 'had its process killed (SIGKILL, which the system sends when it runs out of memory)',
  throw: 'threw an uncaught exception (oops "1")',
  throwNothing: 'threw an uncaught exception (the action threw a value that cannot be read)',
  heap: 'exhausted the memory of its process',
};

suite('the end of a process that ran jobs is described', { concurrency: true }, () => {
  for (const [way, words] of Object.entries(WORDS))
    test(`a process that ${words} is described so (${way})`, async (t) => {
      const child = fork(PROGRAM, [way], {
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
        execArgv: [...process.execArgv, '--max-old-space-size=100'],
      });
      t.after(() => child.kill('SIGKILL'));
      const lastWords = passOn(child.stderr);
      const [code, signal] = await once(child, 'close');
      assert.equal(howItEnded(code, signal, lastWords()), words);
    });

  test('a process ended by the watchdog is described by its limit', () => {
    assert.equal(howItEnded(null, 'SIGXCPU', ''), 'blocked the event loop of its process');
    const words = '{"level":60,"msg":"watchdog: the process used 2100 MiB of memory"}\n';
    assert.equal(howItEnded(null, 'SIGABRT', words), 'exhausted the memory of its process');
  });
});
