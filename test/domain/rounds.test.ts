import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRounds } from '../../src/domain/rounds.ts';

test('rounds come one after the other, and stop waits for the one that runs', async () => {
  const begun = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const gate = Promise.withResolvers<void>();
  let rounds = 0;
  let running = 0;
  const { stop } = startRounds(1, async () => {
    running++;
    assert.equal(running, 1, 'one at a time');
    begun[rounds++]?.resolve();
    if (rounds === 3) await gate.promise;
    running--;
  });
  await Promise.all(begun.map(({ promise }) => promise));
  const stopped = stop();
  assert.equal(running, 1);
  gate.resolve();
  await stopped;
  assert.deepEqual([running, rounds], [0, 3]);
});

test('a stop before the first round leaves nothing to wait for', async () => {
  let rounds = 0;
  const { stop } = startRounds(3_600_000, async () => void rounds++);
  await stop();
  assert.equal(rounds, 0);
});

test('the first round may begin at once', async () => {
  const begun = Promise.withResolvers<void>();
  const { stop } = startRounds(3_600_000, async () => begun.resolve(), { atOnce: true });
  await begun.promise;
  await stop();
});
