import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MARKS_HOLD_MS } from '../../../src/domain/batch.ts';
import { MarkWatch } from '../../../src/pipeline/run/mark-watch.ts';

const NO_MARKS = { cancelRequested: false, isHeld: false };

/** A watch whose marks were asked for at 0, and how often it has read them since. */
function watched(read: () => Promise<void> = async () => {}) {
  let reads = 0;
  const watch = new MarkWatch(
    async () => {
      reads++;
      await read();
      return NO_MARKS;
    },
    () => {},
    0,
  );
  return { watch, reads: () => reads };
}

test('marks hold from the moment that they were asked for', () => {
  const { watch, reads } = watched();
  assert.equal(watch.look(MARKS_HOLD_MS - 1), undefined);
  assert.equal(reads(), 0);
  assert.ok(watch.look(MARKS_HOLD_MS) instanceof Promise);
  assert.equal(reads(), 1);
});

test('marks that a settle has read hold from the moment that the settle was sent', () => {
  const { watch, reads } = watched();
  watch.looked(100);
  watch.looked(50);
  assert.equal(watch.look(100 + MARKS_HOLD_MS - 1), undefined);
  void watch.look(100 + MARKS_HOLD_MS);
  assert.equal(reads(), 1);
});

test('marks whose reading took too long are read again before the next start', async () => {
  const { watch, reads } = watched(async () => {
    const end = performance.now() + MARKS_HOLD_MS;
    while (performance.now() < end);
  });
  await watch.look(performance.now());
  await watch.look(performance.now());
  assert.equal(reads(), 2);
});
