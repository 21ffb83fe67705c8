import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { ActionSlot } from '../../../src/pipeline/throttle/action-slots.ts';

/** A slot of three places and a clock that the test sets. */
function slotOf(t: TestContext) {
  const clock = { now: 1000 };
  t.mock.method(performance, 'now', () => clock.now);
  let freed = 0;
  const slot = new ActionSlot(3, () => freed++);
  /** Runs of so many milliseconds, one after the other. */
  const run = (ms: number, count = 1) => {
    for (let n = 0; n < count; n++) {
      const begunAt = slot.begin();
      clock.now += ms;
      slot.end(begunAt);
    }
  };
  return { slot, clock, run, freed: () => freed };
}

describe('the room of an action', () => {
  test('an action has room enough while none of its runs is waited for', (t) => {
    const { slot, run, freed } = slotOf(t);
    assert.equal(slot.room, null);
    run(500);
    assert.equal(slot.room, null);
    assert.equal(freed(), 1, 'the end of a run is reported');
  });

  test('a slow action has room for as many runs as are neither running nor waiting for a slot', (t) => {
    const { slot, run } = slotOf(t);
    run(500);
    const begunAt = slot.begin();
    assert.equal(slot.room, 2);
    slot.waiting = 1;
    assert.equal(slot.room, 1);
    slot.waiting = 5;
    assert.equal(slot.room, 0);
    slot.waiting = 0;
    slot.begin();
    slot.begin();
    assert.deepEqual([slot.room, slot.isFull], [0, true]);
    slot.end(begunAt);
    assert.deepEqual([slot.room, slot.isFull], [1, false]);
  });

  test('a quick action has room enough, until all its slots are taken and none becomes free', (t) => {
    const { slot, clock, run } = slotOf(t);
    run(1, 10);
    for (let n = 0; n < 3; n++) slot.begin();
    assert.equal(slot.room, null);
    clock.now += 11;
    assert.equal(slot.room, 0);
  });

  test('an action is as quick as its latest runs', (t) => {
    const { slot, run } = slotOf(t);
    run(500);
    run(1, 30);
    slot.begin();
    assert.equal(slot.room, null);
  });
});

describe('the later chunks that an action may take', () => {
  test('an action takes all that fit while the time of its runs is unknown or very short', (t) => {
    const { slot, run } = slotOf(t);
    slot.waiting = 5000;
    assert.equal(slot.laterRoom, null);
    slot.waiting = 0;
    run(0.1, 30);
    slot.waiting = 1000;
    assert.equal(slot.laterRoom, null, '33 ms in three slots');
  });

  test('an action whose chunks take time takes one, and none while its jobs are enough for 50 ms', (t) => {
    const { slot, run } = slotOf(t);
    run(5, 10);
    assert.equal(slot.laterRoom, 1);
    slot.waiting = 31;
    assert.equal(slot.laterRoom, 0);
    slot.waiting = 30;
    assert.equal(slot.laterRoom, 1);
  });
});
