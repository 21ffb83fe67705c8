import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

test('a run with one hanging file ends, fails, and names only that file', async () => {
  // The runner of this file marks its own processes by this variable.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hanging/run.ts')], { env });
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  assert.deepEqual([code, signal], [1, null]);
  assert.match(stderr, /^\s*test\/checks\/hanging\/leaking\.ts hangs: it reported nothing for 4 s\./);
  assert.doesNotMatch(stderr, /passing\.ts/);
  assert.match(stdout, /a passing test leaves a server behind/);
  assert.match(stdout, /a passing test leaves nothing behind/);
});
