import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';

const PROGRAM = resolve(import.meta.dirname, 'watched-process.ts');

async function outcomeOf(t: TestContext, ...told: string[]) {
  const child = fork(PROGRAM, told, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stderr);
  const [said, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { child, said, code, signal };
}

/** How a process that does this is ended, and its last output. */
async function ended(t: TestContext, ...told: string[]) {
  const { child, said, signal } = await outcomeOf(t, ...told);
  // The line is repeated when the signal takes longer than the next check.
  const [line = ''] = said.split('\n');
  return { signal, pid: child.pid, line: JSON.parse(line) };
}

suite('The watchdog ends a process', { concurrency: true }, () => {
  test('the watchdog ends a process whose event loop has been blocked for ten seconds', async (t) => {
    const { signal, pid, line } = await ended(t, 'block');
    assert.equal(signal, 'SIGXCPU');
    assert.equal(line.msg, 'watchdog: the event loop was blocked for 10 s');
    assert.deepEqual([line.level, line.pid], [60, pid]);
  });

  test('the watchdog ends a process in an endless loop', async (t) => {
    const { signal, line } = await ended(t, 'loop', '2');
    assert.equal(signal, 'SIGXCPU');
    assert.equal(line.msg, 'watchdog: the event loop was blocked for 2 s');
  });

  test('a process whose watchdog has ended may block its event loop', async (t) => {
    const { code, signal, said } = await outcomeOf(t, 'unwatched', '2');
    assert.deepEqual({ code, signal, said }, { code: 0, signal: null, said: '' });
  });

  test('the watchdog ends a process that uses half of the memory of a small machine', async (t) => {
    const { signal, line } = await ended(t, 'hoard', '60', '800');
    assert.equal(signal, 'SIGABRT');
    const [, mebibytes] = /^watchdog: the process used (\d+) MiB of memory$/.exec(line.msg) ?? [];
    assert.ok(Number(mebibytes) >= 400 && Number(mebibytes) < 800, line.msg);
  });

  test('the watchdog ends a process that uses two gibibytes of memory, or half of the machine', async (t) => {
    const { signal, line } = await ended(t, 'hoard');
    assert.equal(signal, 'SIGABRT');
    const [, mebibytes] = /^watchdog: the process used (\d+) MiB of memory$/.exec(line.msg) ?? [];
    const available = Math.min(process.constrainedMemory() || Infinity, os.totalmem()) / 2 ** 20;
    assert.ok(Number(mebibytes) >= Math.floor(Math.min(2048, available / 2)), line.msg);
  });
});
