import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { superviseWorkers } from '../../src/worker/supervisor.ts';
import { waitFor } from '../support/wait.ts';

test('workers that end before they take jobs are logged as an error, with the number of consecutive failures', async (t) => {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const log = {
    warn: () => assert.fail('none was ready'),
    error: (fields: object, message: string) => void lines.push({ fields: { ...fields }, message }),
  };
  const { PATH } = process.env;
  const env = { PATH, ROLE: 'worker', LOG_LEVEL: 'silent', DATABASE_URL: 'postgres://127.0.0.1:1/none' };
  const supervisor = superviseWorkers({ count: 1, env, log });
  t.after(() => supervisor.stop(0));
  await waitFor(async () => lines.length >= 2, { what: 'two workers to fail', timeoutMs: 60_000 });
  for (const [position, { fields, message }] of lines.slice(0, 2).entries()) {
    assert.equal(message, 'a worker process ended before it took jobs; it says why on standard error');
    assert.deepEqual([fields.code, fields.failedStarts], [1, position + 1]);
  }
});

interface End {
  workerPid: number;
  restartInMs: number;
  failedStarts?: number;
}
type Line = End & { level: 'warn' | 'error' };

/** A worker of `ended-worker.ts`, supervised, and what is logged of its ends. */
async function supervised(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-supervisor-'));
  t.after(() => rm(folder, { recursive: true }));
  const readyFile = join(folder, 'ready');
  const lines: Line[] = [];
  const note = (level: Line['level']) => (fields: object) => void lines.push({ level, ...(fields as End) });
  const env = {
    PATH: process.env.PATH,
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'ended-worker.ts')}`,
    READY_FILE: readyFile,
  };
  const supervisor = superviseWorkers({ count: 1, env, log: { warn: note('warn'), error: note('error') } });
  t.after(() => supervisor.stop(0));
  const line = (matches: (line: Line) => boolean) =>
    waitFor(async () => lines.find(matches), { what: 'a line of the log' });
  return { supervisor, lines, line, readyFile };
}

test('a worker that ends is replaced after a pause that doubles each time', async (t) => {
  const { lines, line } = await supervised(t);
  await line(({ failedStarts }) => failedStarts === 4);
  assert.deepEqual(
    lines.slice(0, 4).map(({ level, restartInMs }) => [level, restartInMs]),
    [
      ['error', 100],
      ['error', 200],
      ['error', 400],
      ['error', 800],
    ],
  );
});

test('failed starts are counted from 1 again after a worker that took jobs', async (t) => {
  const { lines, line, readyFile } = await supervised(t);
  await line(({ failedStarts }) => failedStarts === 2);
  await writeFile(readyFile, '');
  const { workerPid } = await line(({ level }) => level === 'warn');
  const at = lines.findIndex((ended) => ended.workerPid === workerPid);
  await waitFor(async () => lines[at + 1], { what: 'the next end' });
  assert.deepEqual([lines[at]?.failedStarts, lines[at + 1]?.failedStarts], [undefined, 1]);
});

test('a worker that ends because the supervisor stops is neither logged nor replaced', async (t) => {
  const { supervisor, lines } = await supervised(t);
  await supervisor.stop(20_000);
  assert.deepEqual(lines, []);
});
