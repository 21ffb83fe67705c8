/**
 * The numbers of a plan. A node is a job, by its index in the batch, or a group: -1 is the first group, -2 the second.
 * An edge is a node and a condition in one integer.
 */

/** When a dependency is met. A condition is its position here. */
export const WHENS = ['succeeded', 'failed', 'finished'] as const;
export type When = (typeof WHENS)[number];

/** How a node ended. `OTHER`: cancelled, skipped, or a group whose jobs ended in several ways. */
export const SUCCEEDED = 0;
export const FAILED = 1;
export const OTHER = 2;

/** The condition that any end meets. */
const FINISHED = 2;

export function edgeOf(node: number, condition: number): number {
  return (node << 2) | condition;
}

export function nodeOf(edge: number): number {
  return edge >> 2;
}

export function conditionOf(edge: number): number {
  return edge & 3;
}

/** True when a node that ended like this meets the condition; it can no longer be met otherwise. */
export function isMetBy(condition: number, end: number): boolean {
  return condition === FINISHED || condition === end;
}

export function groupNode(group: number): number {
  return -1 - group;
}

/** The group of a group's node. */
export function groupOf(node: number): number {
  return -1 - node;
}

/** A list of integers for each of some jobs: those of job i end before `ends[i]`. */
export interface Lists {
  ends: Int32Array;
  values: Int32Array;
}

export function listAt({ ends, values }: Lists, position: number): Int32Array {
  return values.subarray(position === 0 ? 0 : ends[position - 1], ends[position]);
}
