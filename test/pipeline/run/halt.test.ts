import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Halt, type HaltReason } from '../../../src/pipeline/run/halt.ts';

/** What stays of two reasons that come one after the other. */
const outcomes: [first: HaltReason, second: HaltReason, stays: HaltReason][] = [
  ['stopping', 'cancelled', 'cancelled'],
  ['cancelled', 'stopping', 'cancelled'],
  ['stopping', 'lost', 'lost'],
  ['lost', 'stopping', 'lost'],
  ['cancelled', 'lost', 'lost'],
  ['lost', 'cancelled', 'lost'],
];

for (const [first, second, stays] of outcomes)
  test(`of ${first} and then ${second}, ${stays} is why no further job is started`, async () => {
    const halt = new Halt();
    assert.equal(halt.reason, null);
    halt.begin(first);
    await halt.begun;
    assert.equal(halt.reason, first);
    halt.begin(second);
    assert.equal(halt.reason, stays);
  });
