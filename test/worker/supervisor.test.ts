import assert from 'node:assert/strict';
import { test } from 'node:test';
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
