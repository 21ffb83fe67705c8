import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Halt, type HaltReason } from '../../../src/pipeline/run/halt.ts';

/** Which of two reasons, one after the other, stays. */
const outcomes: [first: HaltReason, second: HaltReason, stays: HaltReason][] = [
  ['stopping', 'cancelled', 'cancelled'],
  ['cancelled', 'stopping', 'cancelled'],
  ['stopping', 'lost', 'lost'],
  ['lost', 'stopping', 'lost'],
  ['cancelled', 'lost', 'lost'],
  ['lost', 'cancelled', 'lost'],
  ['held', 'cancelled', 'cancelled'],
  ['cancelled', 'held', 'cancelled'],
  ['held', 'lost', 'lost'],
  ['stopping', 'held', 'stopping'],
];

for (const [first, second, stays] of outcomes)
  test(`after ${first} and then ${second}, the reason to halt is ${stays}`, async () => {
    const halt = new Halt();
    assert.equal(halt.reason, null);
    halt.begin(first);
    await halt.begun;
    assert.equal(halt.reason, first);
    halt.begin(second);
    assert.equal(halt.reason, stays);
  });
