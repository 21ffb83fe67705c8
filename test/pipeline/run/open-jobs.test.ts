import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PendingJob } from '../../../src/pipeline/run/execute.ts';
import { OpenJobs } from '../../../src/pipeline/run/open-jobs.ts';
import { ActionSlots } from '../../../src/pipeline/throttle/action-slots.ts';
import type { RegisteredAction } from '../../../src/registry/registry.ts';

function jobsOf(name: string, count: number): PendingJob[] {
  const entry = { name, concurrency: 2 } as RegisteredAction;
  return Array.from({ length: count }, (_, index) => ({ index, params: {}, entry }));
}

test('a job waits for a slot until it is started or given up, also after it was put back', () => {
  const slots = new ActionSlots();
  const open = new OpenJobs(jobsOf('test.one', 5), slots);
  const [group] = open.groups;
  assert.ok(group);
  const { slot } = group;
  assert.equal(slot.waiting, 5);
  const together = group.takeAll();
  assert.deepEqual([slot.waiting, group.open], [0, 0]);
  group.putBack(together);
  assert.deepEqual([slot.waiting, group.open], [5, 5]);
  assert.equal(group.take()?.index, 0);
  assert.equal(slot.waiting, 4);
  assert.deepEqual(open.giveUp(), [{ action: 'test.one', indexes: [1, 2, 3, 4] }]);
  assert.deepEqual([slot.waiting, open.size, group.take()], [0, 0, undefined]);
});
