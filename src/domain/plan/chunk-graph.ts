/** The part of a plan that belongs to the jobs of one chunk, and how it is stored. It never changes. */
import type { Lists } from './edge.ts';

export interface ChunkGraph {
  /** For each job of the chunk the edges to the jobs that wait for it; null when no job waits for one of them. */
  dependents: Lists | null;
  /** For each job the indexes of the jobs whose responses it gets, in the order of `bind`; null for none. */
  sources: Lists | null;
  /** The group of each job, -1 for none. One element when all are in the same; null when none is in a group. */
  groups: Int32Array | null;
  /** For each job the position of its action in the batch's; null when no job of the chunk waits. */
  actions: Int32Array | null;
}

const FORMAT = 1;
const HEAD = 5;

/** As 32-bit integers: the format, the length of each part (0 when it is null), the parts. */
export function encodeGraph({ dependents, sources, groups, actions }: ChunkGraph): Buffer {
  const parts = [
    Int32Array.of(
      FORMAT,
      dependents?.values.length ?? 0,
      sources?.values.length ?? 0,
      groups?.length ?? 0,
      actions?.length ?? 0,
    ),
    ...(dependents ? [dependents.ends, dependents.values] : []),
    ...(sources ? [sources.ends, sources.values] : []),
    ...(groups ? [groups] : []),
    ...(actions ? [actions] : []),
  ];
  return Buffer.concat(
    parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  );
}

/**
 * @param count the number of jobs in the chunk
 * @throws Error for a format that this release does not know
 */
export function decodeGraph(bytes: Buffer, count: number): ChunkGraph {
  const all = integersOf(bytes);
  const [format, ...lengths] = all.subarray(0, HEAD);
  if (format !== FORMAT)
    throw new Error(`A plan is stored in a format that this release does not know: ${format}`);
  let end = HEAD;
  const part = (length: number): Int32Array => {
    end += length;
    return all.subarray(end - length, end);
  };
  const lists = (length: number): Lists | null =>
    length === 0 ? null : { ends: part(count), values: part(length) };
  const list = (length: number): Int32Array | null => (length === 0 ? null : part(length));
  const [dependents = 0, sources = 0, groups = 0, actions = 0] = lengths;
  return {
    dependents: lists(dependents),
    sources: lists(sources),
    groups: list(groups),
    actions: list(actions),
  };
}

/** In bytes, with what JavaScript needs beside them. */
export function sizeOfGraph({ dependents, sources, groups, actions }: ChunkGraph): number {
  const parts = [dependents?.ends, dependents?.values, sources?.ends, sources?.values, groups, actions];
  return parts.reduce((sum, part) => sum + (part?.byteLength ?? 0), 500);
}

/** A copy, because integers must be aligned. */
export function integersOf({ buffer, byteOffset, byteLength }: Buffer): Int32Array {
  return new Int32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

export function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
