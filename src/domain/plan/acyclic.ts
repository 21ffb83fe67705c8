/** Whether jobs wait for each other in a circle: Kahn's algorithm on arrays of integers. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Lists, listAt, nodeOf } from './edge.ts';

/** Nodes are numbered here: the jobs, then the groups. */
export interface CheckedEdges {
  total: number;
  groupCount: number;
  /** The group of each job, -1 for none: a group waits for its jobs. */
  groups: Int32Array | null;
  needs: Uint16Array;
  dependents: Lists;
}

/** Nodes visited in one turn of the event loop: some ms. */
const NODES_A_TURN = 65_536;

/** What each node still waits for after all was done that can be done: nothing, unless some wait for each other. */
export async function unorderedNodes(edges: CheckedEdges): Promise<Int32Array> {
  const steps = order(edges);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await nextTurn();
  }
}

/**
 * The nodes of a circle, each before the one that it waits for.
 *
 * @param unordered the answer of `unorderedNodes`
 */
export function circleIn({ total, groups, dependents }: CheckedEdges, unordered: Int32Array): number[] {
  // Every node that is left waits for another that is left: going from node to node must come to a circle.
  const awaited = new Int32Array(unordered.length).fill(-1);
  for (let node = 0; node < unordered.length; node++) {
    if (unordered[node] === 0) continue;
    for (const edge of listAt(dependents, node)) awaited[nodeOf(edge)] = node;
    const group = node < total && groups ? (groups[node] as number) : -1;
    if (group >= 0) awaited[total + group] = node;
  }
  const path: number[] = [];
  const places = new Map<number, number>();
  let node = unordered.findIndex((needs) => needs > 0);
  while (node !== -1 && !places.has(node)) {
    places.set(node, path.length);
    path.push(node);
    node = awaited[node] as number;
  }
  return path.slice(places.get(node) ?? 0);
}

function* order({ total, groupCount, groups, needs, dependents }: CheckedEdges): Generator<void, Int32Array> {
  const left = new Int32Array(total + groupCount);
  left.set(needs);
  if (groups)
    for (const group of groups) if (group >= 0) left[total + group] = (left[total + group] as number) + 1;
  const queue = new Int32Array(total + groupCount);
  let end = 0;
  for (let node = 0; node < left.length; node++) if (left[node] === 0) queue[end++] = node;
  const settle = (node: number): void => {
    const needed = (left[node] as number) - 1;
    left[node] = needed;
    if (needed === 0) queue[end++] = node;
  };
  let followed = 0;
  for (let at = 0; at < end; at++) {
    const node = queue[at] as number;
    const start = node === 0 ? 0 : (dependents.ends[node - 1] as number);
    const stop = dependents.ends[node] as number;
    for (let edge = start; edge < stop; edge++) settle(nodeOf(dependents.values[edge] as number));
    if (node < total && groups && (groups[node] as number) >= 0) settle(total + (groups[node] as number));
    followed += 1 + stop - start;
    if (followed < NODES_A_TURN) continue;
    followed = 0;
    yield;
  }
  return left;
}
