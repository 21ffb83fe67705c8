/** In a process of its own: what nobody catches would end this one. */
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

describe('Whatever an action throws, its job fails and its worker lives', () => {
  for (const how of ['throw', 'reject'])
    test(`from run: ${how}`, async () => {
      const results = await resultsOf(ODDITIES.map((what) => workJob('throw', { what, how })));
      for (const { status, attempts, response } of results) {
        assert.deepEqual([status, attempts, response.errorCode], ['failed', 2, 500]);
        assert.ok(response.message);
      }
    });

  for (const action of ['throwMany', 'throwInTransaction'])
    test(`from runMany, together and one by one: ${action}`, async () => {
      for (const what of ODDITIES)
        for (const { status, attempts } of await resultsOf([
          workJob(action, { what }),
          workJob(action, { what, how: 'reject' }),
        ]))
          assert.deepEqual([status, attempts], ['failed', 1], what);
    });

  test('when nobody awaits it, the job succeeds all the same', async () => {
    const results = await resultsOf(ODDITIES.map((what) => workJob('throw', { what, how: 'forget' })));
    for (const { status, response } of results)
      assert.deepEqual([status, response], ['succeeded', 'forgotten']);
  });

  after(() => assert.deepEqual([worker.exitCode, worker.signalCode], [null, null]));
});
