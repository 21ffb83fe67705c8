import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FairShare } from '../../src/domain/fair-share.ts';

/** How many places the owner gets in one go. */
function takeAll(share: FairShare, owner: string): number {
  let taken = 0;
  while (share.take(owner)) taken++;
  return taken;
}

describe('places for several owners', () => {
  test('a single owner gets up to half of the places, and some are left for each further owner', () => {
    const share = new FairShare(16);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((owner) => takeAll(share, owner)),
      [8, 4, 2, 1],
    );
  });

  test('places can be taken again after they were given back', () => {
    const share = new FairShare(16);
    for (let round = 0; round < 3; round++) {
      assert.equal(takeAll(share, 'a'), 8);
      for (let place = 0; place < 8; place++) share.give('a');
    }
    assert.equal(new FairShare(1).take('a'), true);
  });

  test('owners wait for places in turn, and not behind an owner that holds its share', async () => {
    const share = new FairShare(2);
    const started: string[] = [];
    const ends = new Map<string, () => void>();
    const run = (owner: string, name: string) =>
      share.run(owner, () => {
        started.push(name);
        return new Promise<void>((end) => ends.set(name, end));
      });
    const all = [run('a', 'a1'), run('a', 'a2'), run('a', 'a3'), run('b', 'b1')];
    assert.deepEqual(started, ['a1', 'b1']);
    ends.get('a1')?.();
    await all[0];
    await new Promise(setImmediate);
    assert.deepEqual(started, ['a1', 'b1', 'a2']);
    ends.get('b1')?.();
    ends.get('a2')?.();
    await all[1];
    await new Promise(setImmediate);
    ends.get('a3')?.();
    await Promise.all(all);
    assert.deepEqual(started, ['a1', 'b1', 'a2', 'a3']);
  });

  test('places are given to the owners in turn, even if one has many waiting', async () => {
    const share = new FairShare(1);
    const entered: string[] = [];
    assert.ok(share.take('holder'));
    const waiting = ['a', 'a', 'a', 'b', 'b', 'c'].map(async (owner) => {
      await share.enter(owner);
      entered.push(owner);
      await new Promise(setImmediate);
      share.give(owner);
    });
    share.give('holder');
    await Promise.all(waiting);
    assert.deepEqual(entered, ['a', 'b', 'c', 'a', 'b', 'a']);
  });

  test('places are not given to callers that no longer wait', async () => {
    const share = new FairShare(1);
    assert.ok(share.take('a'));
    const ending = new AbortController();
    const waiting = share.enter('b', ending.signal);
    ending.abort(new Error('too late'));
    await assert.rejects(waiting, /too late/);
    share.give('a');
    assert.equal(share.take('c'), true);
  });

  test('a place is given back when its work fails', async () => {
    const share = new FairShare(1);
    await assert.rejects(share.run('a', () => Promise.reject(new Error('no'))));
    assert.equal(share.take('a'), true);
  });
});
