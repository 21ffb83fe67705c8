import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AnswerWatch } from '../../../src/pipeline/read/answer-watch.ts';

/** Listeners are called in several turns of the event loop. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await turn();
}

describe('The watch of answers', () => {
  test('looks once for any number of listeners, and reports changes alone', async (t) => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['setTimeout'] });
    const watch = new AnswerWatch();
    let text = 'one';
    let looks = 0;
    const find = async () => {
      looks++;
      return text;
    };
    const heard: string[] = [];
    const leaves = Array.from({ length: 300 }, () =>
      watch.subscribe({ key: 'a', find }, (answer) => heard.push(answer)),
    );
    await settled();
    assert.equal(heard.length, 300);
    const firstLooks = looks;
    mock.timers.tick(2_000);
    await settled();
    assert.deepEqual([looks - firstLooks, heard.length], [1, 300]);
    text = 'two';
    mock.timers.tick(2_000);
    await settled();
    assert.deepEqual([looks - firstLooks, heard.length, heard.at(-1)], [2, 600, 'two']);
    for (const leave of leaves) leave();
    text = 'three';
    mock.timers.tick(10_000);
    await settled();
    assert.deepEqual([looks - firstLooks, heard.length], [2, 600]);
  });

  test('tells each listener when the process stops, and looks no more', async () => {
    const watch = new AnswerWatch();
    const heard: string[] = [];
    watch.subscribe({ key: 'a', find: async () => 'one' }, (answer) => heard.push(answer));
    watch.subscribe({ key: 'b', find: async () => 'two' }, (answer) => heard.push(answer));
    await settled();
    watch.close();
    assert.deepEqual(heard, ['one', 'two', 'closing', 'closing']);
  });
});
