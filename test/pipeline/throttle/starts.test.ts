import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Starts } from '../../../src/pipeline/throttle/starts.ts';

const given = { at: 1000, intervalMs: 100, toleranceMs: 10 };

/** Takes at each of these times; returns the times at which a job may start. */
function taken(starts: Starts, times: readonly number[]): number[] {
  return times.filter((now) => starts.take(now));
}

test('starts come at their moments, and no earlier', () => {
  const starts = new Starts({ ...given, count: 3, burst: 1 }, 1000);
  assert.deepEqual(taken(starts, [1000, 1001, 1099, 1100, 1150, 1200, 1300]), [1000, 1100, 1200]);
  assert.equal(starts.nextAt(1300), null);
});

test('late starts keep their distance, and those that would come after the end are lost', () => {
  const starts = new Starts({ ...given, count: 4, burst: 1 }, 1000);
  // The block ends at 1300: the one at 1050 moves the others, and the fourth is lost.
  assert.deepEqual(taken(starts, [1050, 1149, 1150, 1250, 1350, 1360, 1500]), [1050, 1150, 1250]);
});

test('a start that is late by no more than the tolerance moves no other', () => {
  const starts = new Starts({ ...given, count: 3, burst: 1 }, 1000);
  assert.deepEqual(taken(starts, [1009, 1100, 1205]), [1009, 1100, 1205]);
});

test('a burst may start at once when the bucket was not used before', () => {
  const starts = new Starts({ ...given, count: 6, burst: 4 }, 1000);
  assert.deepEqual(
    taken(starts, [1000, 1000, 1000, 1000, 1000, 1099, 1100, 1200]),
    [1000, 1000, 1000, 1000, 1100, 1200],
  );
});

test('a burst shrinks by what was started before', () => {
  // Two intervals ahead: the bucket was used.
  const starts = new Starts({ ...given, at: 1200, count: 4, burst: 4 }, 1000);
  assert.deepEqual(taken(starts, [1000, 1000, 1000, 1100, 1200]), [1000, 1000, 1100, 1200]);
});
