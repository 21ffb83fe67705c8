/** The intake of a request's jobs, without a database. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadPlugins } from '../../../src/app/prepare.ts';
import { readConfig } from '../../../src/config/config.ts';
import { BatchwrightError } from '../../../src/contract/errors.ts';
import { Intake } from '../../../src/pipeline/submit/intake.ts';
import { createLargeJobChecker } from '../../../src/validation/large-jobs.ts';

test('the event loop turns while thousands of tiny jobs of one piece are refused', async () => {
  const registry = await loadPlugins(readConfig({ PLUGIN_DIR: join(import.meta.dirname, '../../plugins') }));
  const intake = new Intake({
    caller: { tenant: 'default', keyId: 'k', permissions: ['*'] },
    registry,
    largeJobs: createLargeJobChecker(registry),
    maxJobs: 100_000,
    maxDependencies: 1_000_000,
  });
  const job = { kind: 'element', value: Buffer.from('{}') } as const;
  let turns = 0;
  const count = () => {
    turns++;
    beat = setImmediate(count);
  };
  let beat = setImmediate(count);
  await intake.take(Array(50_000).fill(job));
  clearImmediate(beat);
  assert.ok(turns > 1, `${turns} turns`);
  assert.throws(
    () => intake.finish(),
    (error) => error instanceof BatchwrightError && error.kind === 'emptyJobs',
  );
});
