import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { QuarantineGate } from '../../../src/worker/quarantine/gate.ts';

/** Work that the test ends. */
function held(begun: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async () => {
    begun.push(name);
    await promise;
  };
  return { work, end: resolve };
}

test('a job that is tried alone waits until nothing runs beside it', async () => {
  const gate = new QuarantineGate();
  const begun: string[] = [];
  const [one, other, alone, next] = ['one', 'other', 'alone', 'next'].map((name) => held(begun, name)) as [
    ReturnType<typeof held>,
    ReturnType<typeof held>,
    ReturnType<typeof held>,
    ReturnType<typeof held>,
  ];
  const all = [gate.beside(one.work), gate.beside(other.work), gate.alone(alone.work), gate.alone(next.work)];
  one.end();
  await nextTurn();
  assert.deepEqual(begun, ['one', 'other']);
  other.end();
  await nextTurn();
  assert.deepEqual(begun, ['one', 'other', 'alone']);
  alone.end();
  next.end();
  await Promise.all(all);
  assert.deepEqual(begun, ['one', 'other', 'alone', 'next']);
});

test('jobs that run beside others wait until the suspects of all messages have been tried', async () => {
  const gate = new QuarantineGate();
  const begun: string[] = [];
  const others = held(begun, 'others');
  const [first, second] = [gate.reserve(), gate.reserve()];
  const running = gate.beside(others.work);
  first.done();
  first.done();
  await nextTurn();
  assert.deepEqual(begun, [], 'the second message has suspects');
  second.done();
  await nextTurn();
  assert.deepEqual(begun, ['others']);
  others.end();
  await running;
});
