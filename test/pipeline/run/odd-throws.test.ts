/** In a separate process: an uncaught error would end this one. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { workJob } from '../work-jobs.ts';

const ODDITIES = ['revoked', 'getter', 'bare', 'frozen', 'nothing', 'spiteful'];

const system = await startSystem({ after }, { worker: false });
const worker = await system.forkWorker({ LOG_LEVEL: 'debug' });

async function resultsOf(jobs: object[]) {
  const asyncId = await system.run(jobs);
  await system.ended(asyncId);
  return system.results(asyncId);
}

describe('unusual throws of actions', () => {
  for (const how of ['throw', 'reject'])
    test(`a job fails and its worker survives when run throws: ${how}`, async () => {
      const results = await resultsOf(ODDITIES.map((what) => workJob('throw', { what, how })));
      assert.equal(results.length, ODDITIES.length);
      for (const { status, attempts, response } of results) {
        assert.deepEqual([status, attempts, response.errorCode], ['failed', 2, 500]);
        assert.ok(response.message);
      }
    });

  for (const action of ['throwMany', 'throwInTransaction'])
    test(`a job fails and its worker survives when runMany and single runs throw: ${action}`, async () => {
      for (const what of ODDITIES)
        for (const { status, attempts } of await resultsOf([
          workJob(action, { what }),
          workJob(action, { what, how: 'reject' }),
        ]))
          assert.deepEqual([status, attempts], ['failed', 1], what);
    });

  test('a job succeeds although a promise that it does not await rejects', async () => {
    const results = await resultsOf(ODDITIES.map((what) => workJob('throw', { what, how: 'forget' })));
    assert.equal(results.length, ODDITIES.length);
    for (const { status, response } of results)
      assert.deepEqual([status, response], ['succeeded', 'forgotten']);
  });

  after(() => assert.deepEqual([worker.exitCode, worker.signalCode], [null, null]));
});
