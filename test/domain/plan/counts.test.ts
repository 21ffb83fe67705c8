import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packCounts, unpackCounts } from '../../../src/domain/plan/counts.ts';

/** The largest count, and the bytes that a thousand counts take with it. */
const FORMS = [
  { largest: 0, bytes: 125 },
  { largest: 1, bytes: 125 },
  { largest: 2, bytes: 1000 },
  { largest: 255, bytes: 1000 },
  { largest: 256, bytes: 2000 },
  { largest: 65_535, bytes: 2000 },
];

for (const { largest, bytes } of FORMS)
  test(`a thousand counts up to ${largest} take ${bytes} bytes, and are read as they were`, () => {
    const counts = Uint16Array.from({ length: 1000 }, (_, at) => (at * 7919) % (largest + 1));
    counts[999] = largest;
    const packed = packCounts(counts);
    assert.equal(packed.length, bytes);
    assert.deepEqual(unpackCounts(packed, 1000), counts);
  });

test('the counts of a few jobs are read as they were', () => {
  for (let count = 1; count <= 20; count++)
    for (const { largest } of FORMS) {
      const counts = Uint16Array.from({ length: count }, (_, at) => (at % 2 === 0 ? largest : 0));
      assert.deepEqual(unpackCounts(packCounts(counts), count), counts, `${count} counts up to ${largest}`);
    }
});

test('counts that are a part of a larger array, or of a larger buffer, are read as they were', () => {
  const all = Uint16Array.from([9, 1, 0, 1, 300, 2, 0]);
  for (const [from, to] of [
    [1, 4],
    [4, 7],
    [5, 7],
  ] as const) {
    const part = all.subarray(from, to);
    const packed = packCounts(part);
    const within = Buffer.concat([Buffer.from([7]), packed, Buffer.from([7])]);
    assert.deepEqual([...unpackCounts(within.subarray(1, 1 + packed.length), to - from)], [...part]);
  }
});
