import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, type RetryOutcome } from '../../../src/domain/outcome.ts';
import { nextMessages } from '../../../src/pipeline/run/next-messages.ts';
import type { ChunkMessage, Claim } from '../../../src/queue/messages.ts';

const MESSAGE: ChunkMessage = { batch: 'b', tenant: 't', chunk: 0, generation: 1, attempt: 2 };

function claimOf(queue: string, more: Partial<ChunkMessage> = {}): Claim<ChunkMessage> {
  return { id: 'id', queue, retryCount: 0, message: { ...MESSAGE, ...more } };
}

function interrupted(index: number): RetryOutcome {
  return { index, status: 'retry', delaySeconds: 0, failed: null };
}

function failed(index: number, delaySeconds: number): RetryOutcome {
  return {
    index,
    status: 'retry',
    delaySeconds,
    failed: failure(index, { errorCode: 500, message: 'no' }, 2, 1),
  };
}

const running = { isHalted: false, clock: 0 };

test('interrupted runs are repeated under the same attempt, which counts how often that happens', () => {
  const retries = [interrupted(4), interrupted(7)];
  for (const [before, after] of [
    [undefined, 1],
    [1, 2],
    [2, 3],
  ] as const)
    assert.deepEqual(
      nextMessages(
        claimOf('jobs.default', before === undefined ? {} : { interruptions: before }),
        { rest: [], retries },
        running,
      ),
      [
        {
          message: { ...MESSAGE, interruptions: after, indexes: [4, 7] },
          delaySeconds: 1,
          quarantine: false,
        },
      ],
    );
});

test('interrupted runs of the quarantine are repeated there, also when the process drains', () => {
  const claim = claimOf('quarantine.default');
  for (const isHalted of [false, true]) {
    const next = nextMessages(claim, { rest: [], retries: [interrupted(4)] }, { isHalted, clock: 0 });
    assert.deepEqual(
      next.map(({ quarantine, message }) => [quarantine, message.indexes]),
      [[true, [4]]],
    );
  }
});

function againOf(queue: string, retries: RetryOutcome[]) {
  return nextMessages(claimOf(queue, { interruptions: 3 }), { rest: [], retries }, running);
}

test('failed runs with like delays share a message of the next attempt, and leave the quarantine', () => {
  const next = againOf('quarantine.default', [failed(5, 1), failed(9, 2), failed(3, 1.05), failed(7, 0)]);
  assert.deepEqual(
    next.map(({ message: { attempt, indexes, interruptions }, quarantine }) => [
      attempt,
      indexes,
      interruptions,
      quarantine,
    ]),
    [
      [3, [7], undefined, undefined],
      [3, [3, 5], undefined, undefined],
      [3, [9], undefined, undefined],
    ],
  );
});

test('a delay is what was asked for and up to a fifth more, never less', () => {
  const delays = Array.from({ length: 200 }, () => {
    const [{ delaySeconds = 0 } = {}, ...others] = againOf('jobs.default', [failed(1, 10), failed(2, 10.5)]);
    assert.equal(others.length, 0);
    return delaySeconds;
  });
  assert.ok(Math.min(...delays) >= 10.5, `${Math.min(...delays)}`);
  assert.ok(Math.max(...delays) <= 12.6, `${Math.max(...delays)}`);
  assert.ok(new Set(delays).size > 100, 'they differ');
  assert.deepEqual(
    againOf('jobs.default', [failed(1, 0)]).map(({ delaySeconds }) => delaySeconds),
    [0],
  );
});

function refused(index: number, delaySeconds: number, throttledSince: number): RetryOutcome {
  return { index, status: 'retry', delaySeconds, failed: null, throttledSince };
}

test('refused runs are repeated under the same attempt, with the time of the first refusal, and leave the quarantine', () => {
  const claim = claimOf('quarantine.default', { interruptions: 3 });
  const retries = [refused(5, 10, 2000), failed(6, 0), refused(3, 10.5, 1000), refused(9, 60, 3000)];
  const next = nextMessages(claim, { rest: [], retries }, { isHalted: false, clock: 50 });
  const shown = next.map(({ message: { lastRuns: _, ...message }, quarantine }) => [message, quarantine]);
  assert.deepEqual(shown, [
    [{ ...MESSAGE, attempt: 3, indexes: [6] }, undefined],
    [{ ...MESSAGE, indexes: [3, 5], throttledSince: 1050 }, undefined],
    [{ ...MESSAGE, indexes: [9], throttledSince: 3050 }, undefined],
  ]);
  const [, first = 0, second = 0] = next.map(({ delaySeconds }) => delaySeconds);
  assert.ok(first >= 10.5 && first <= 12.6 && second >= 60 && second <= 72, `${first} s, ${second} s`);
});

test('the time of the first refusal stays, also over runs that fail, and so do the last runs of refused jobs', () => {
  const lastRuns = JSON.stringify([
    [3, 1, 2, '{"message":"three"}'],
    [5, 1, 2, '{"message":"five"}'],
  ]);
  const claim = claimOf('jobs.default', { throttledSince: 7, lastRuns });
  const retries = [refused(5, 1, 2000), failed(3, 0)];
  const [again, later] = nextMessages(claim, { rest: [], retries }, { isHalted: true, clock: 0 });
  assert.deepEqual([again?.message.throttledSince, again?.message.attempt], [7, 3]);
  assert.deepEqual([later?.message.throttledSince, later?.message.attempt], [7, 2]);
  assert.equal(later?.message.lastRuns, JSON.stringify([[5, 1, 2, '{"message":"five"}']]));
});
