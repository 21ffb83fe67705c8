import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedFind } from '../../../src/pipeline/read/shared-find.ts';

test('whoever asks while others do shares one look, which begins after the question', async () => {
  const shared = new SharedFind<number>();
  let looks = 0;
  const find = async () => ++looks;
  const ask = (key: string) => shared.get(key, find);
  // The first is answered at once; the others wait for a look of their own.
  const answers = await Promise.all([ask('a'), ...Array.from({ length: 1_000 }, () => ask('a'))]);
  assert.deepEqual([...new Set(answers)], [1, 2]);
  assert.equal(await ask('b'), 3);
});

test('a look that fails fails for all who share it, and the next one is another', async () => {
  const shared = new SharedFind<string>();
  const first = shared.get('a', async () => 'found');
  const failing = [1, 2].map(() => shared.get('a', () => Promise.reject(new Error('away'))));
  for (const answer of failing) await assert.rejects(answer, /away/);
  assert.equal(await first, 'found');
  assert.equal(await shared.get('a', async () => 'again'), 'again');
});
