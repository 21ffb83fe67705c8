import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

/** Runs until it prints `until`, does `then`, and resolves to its exit and its output. */
async function run(t: TestContext, mode: string, then?: (child: ChildProcess) => void) {
  const program = join(import.meta.dirname, 'ending-process.ts');
  const child = spawn(process.execPath, [program, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text;
    if (text.includes('ready')) then?.(child);
  });
  child.stderr.on('data', (text: Buffer) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, said: said.trim().split('\n'), stderr };
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)
  test(`${signal} drains the parts that take work, then the database, and exits 0`, async (t) => {
    const end = await run(t, '', (child) => child.kill(signal));
    assert.deepEqual(end, {
      code: 0,
      signal: null,
      said: ['ready', 'work', 'worked', 'database'],
      stderr: '',
    });
  });

test('several signals drain once', async (t) => {
  const end = await run(t, '', (child) => {
    for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) child.kill(signal);
  });
  assert.deepEqual([end.code, end.said], [0, ['ready', 'work', 'worked', 'database']]);
});

test('work that never ends is abandoned in time for the database to stop', async (t) => {
  const end = await run(t, 'hangs', (child) => child.kill('SIGTERM'));
  assert.deepEqual([end.code, end.said], [1, ['ready', 'work', 'database', 'late']]);
});

test('a start that fails gives the reason, drains the parts that it had begun and exits 1', async (t) => {
  const end = await run(t, 'fails');
  assert.deepEqual(end, {
    code: 1,
    signal: null,
    said: ['work', 'worked', 'database'],
    stderr: 'it failed\n',
  });
});
