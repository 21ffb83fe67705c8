/**
 * How many dependencies each job of a chunk waits for, as `plan_chunk.needs` and `plan_chunk.pending` have it: one bit for
 * each job, or one byte, or two, as the largest count needs. They are written anew with each release, and most plans need a
 * bit.
 */

const BYTE = 0xff;

/** `unpackCounts` tells the three forms apart by their length. */
export function packCounts(counts: Uint16Array): Buffer {
  let largest = 0;
  // Faster than an iterator, here and below.
  for (let at = 0; at < counts.length; at++)
    if ((counts[at] as number) > largest) largest = counts[at] as number;
  if (largest > BYTE) return Buffer.from(counts.buffer as ArrayBuffer, counts.byteOffset, counts.byteLength);
  if (largest > 1) return Buffer.from(counts);
  const bits = Buffer.alloc(Math.ceil(counts.length / 8));
  for (let at = 0; at < counts.length; at++)
    if (counts[at] === 1) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
  return bits;
}

/** @param count the number of jobs in the chunk */
export function unpackCounts(bytes: Buffer, count: number): Uint16Array {
  // First, because a single count is the same as a bit and as a byte.
  if (bytes.length === count) return Uint16Array.from(bytes);
  // A copy, because integers must be aligned.
  if (bytes.length > count)
    return new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const counts = new Uint16Array(count);
  for (let at = 0; at < count; at++) counts[at] = ((bytes[at >> 3] as number) >> (at & 7)) & 1;
  return counts;
}
