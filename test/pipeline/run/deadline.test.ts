import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Deadline, StoppedError } from '../../../src/pipeline/run/deadline.ts';
import { TimeoutError } from '../../../src/pipeline/run/job-error.ts';

const never = new Promise<never>(() => {});
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('the deadline of a run', () => {
  test('a cleared deadline leaves no timer', async () => {
    const { signal } = new AbortController();
    const before = timers();
    const deadline = new Deadline(5, signal);
    assert.equal(await deadline.race(Promise.resolve('done')), 'done');
    assert.equal(timers(), before + 1);
    deadline.clear();
    assert.equal(timers(), before);
  });

  test('a cleared deadline does not react to the stop of the process', async () => {
    const stopping = new AbortController();
    const ends: Error[] = [];
    const [over, running] = [new Deadline(5, stopping.signal), new Deadline(5, stopping.signal)];
    for (const deadline of [over, running]) deadline.onEnd((error) => ends.push(error));
    await over.race(Promise.resolve());
    over.clear();
    const race = running.race(never);
    stopping.abort();
    await assert.rejects(race, StoppedError);
    running.clear();
    assert.equal(ends.length, 1);
  });

  test('a deadline ends the run when its time is over and aborts its signal', async () => {
    const deadline = new Deadline(0.01, new AbortController().signal);
    const { signal } = deadline;
    await assert.rejects(deadline.race(never), TimeoutError);
    deadline.clear();
    assert.ok(signal.reason instanceof TimeoutError);
  });
});
