import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { startReceiver } from './deliver-receiver.ts';
import { callbackBecomes } from './deliver-support.ts';
import { echoJobs } from './work-jobs.ts';

// The worker as it is: its lanes, and what a receiver is given.
const system = await startSystem({ after }, { env: { CALLBACK_RETRY_SECONDS: '3600' } });

test('receivers that never answer do not hold up the callbacks of another', async (t) => {
  const hanging = await Promise.all(
    [1, 2].map(() => startReceiver(t, { connection: (socket) => Boolean(socket.resume()) })),
  );
  const good = await startReceiver(t);
  await Promise.all(
    Array.from({ length: 40 }, (_, n) => system.run(echoJobs(1), { callbackUrl: hanging[n % 2]?.url })),
  );
  await waitFor(async () => hanging.every(({ connections }) => connections === 4), {
    what: 'both to have as many callbacks as one receiver may',
  });
  for (let round = 0; round < 5; round++) {
    const asyncId = await system.run(echoJobs(1), { callbackUrl: good.url });
    await system.ended(asyncId);
    const endedAt = performance.now();
    await callbackBecomes(system, asyncId, 'delivered');
    assert.ok(performance.now() - endedAt < 5000, 'within seconds of its batch');
  }
  assert.deepEqual(
    hanging.map(({ connections }) => connections),
    [4, 4],
  );
});
