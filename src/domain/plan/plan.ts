/** The plan of a whole batch, in integers: a million edges take 4 MB. */
import { type ChunkGraph, encodeGraph } from './chunk-graph.ts';
import type { Lists } from './edge.ts';

export interface Plan {
  /** How many dependencies each job has. */
  needs: Uint16Array;
  /** By node: those of the jobs, then those of the groups. */
  dependents: Lists;
  /** By job. */
  sources: Lists | null;
  /** By job; -1 for none. */
  groups: Int32Array | null;
  /** By job: the position of its action in the batch's; only of jobs that wait. */
  actions: Int32Array;
  groupNames: readonly string[];
  groupSizes: Int32Array;
}

/** The bounds of a batch's chunks: the first index of each, then the number of jobs. */
export type Bounds = Int32Array;

/** The part of a plan to store with a chunk. */
export interface PlanPart {
  graph: Buffer;
  /** Null when no job of the chunk waits. */
  needs: Uint16Array | null;
  waiting: number;
}

/** Null for a chunk that has no part in the plan. */
export function partOf(plan: Plan, firstIndex: number, count: number): PlanPart | null {
  const end = firstIndex + count;
  const needs = plan.needs.subarray(firstIndex, end);
  const waiting = needs.reduce((sum, unmet) => sum + (unmet > 0 ? 1 : 0), 0);
  const graph: ChunkGraph = {
    dependents: listsOf(plan.dependents, firstIndex, end),
    sources: plan.sources && listsOf(plan.sources, firstIndex, end),
    groups: groupsOf(plan.groups?.subarray(firstIndex, end)),
    actions: waiting === 0 ? null : plan.actions.subarray(firstIndex, end),
  };
  if (waiting === 0 && graph.dependents === null && graph.groups === null) return null;
  return { graph: encodeGraph(graph), needs: waiting === 0 ? null : needs, waiting };
}

/** Edges to the jobs that wait for the group. */
export function groupDependents({ needs, dependents }: Plan, group: number): Int32Array {
  const node = needs.length + group;
  return dependents.values.subarray(dependents.ends[node - 1], dependents.ends[node]);
}

function listsOf({ ends, values }: Lists, from: number, to: number): Lists | null {
  const start = from === 0 ? 0 : (ends[from - 1] ?? 0);
  const own = values.subarray(start, ends[to - 1]);
  return own.length === 0 ? null : { ends: ends.slice(from, to).map((end) => end - start), values: own };
}

function groupsOf(groups: Int32Array | undefined): Int32Array | null {
  if (!groups || groups.every((group) => group === -1)) return null;
  return groups.every((group) => group === groups[0]) ? groups.subarray(0, 1) : groups;
}
