/** What one job of a planned batch waits for, and what waits for it: for those who look at the job. */
import type { Pool } from 'pg';
import { decodeGraph, integersOf } from '../domain/plan/chunk-graph.ts';
import { unpackCounts } from '../domain/plan/counts.ts';
import { type Lists, listAt, nodeOf } from '../domain/plan/edge.ts';

interface ChunkOfJob {
  number: number;
  firstIndex: number;
  count: number;
}

/** True for a job that waits for others. */
export async function isJobWaiting(
  pool: Pool,
  batchId: string,
  chunk: ChunkOfJob,
  index: number,
): Promise<boolean> {
  return (await countOf(pool, batchId, 'pending', chunk, index)) > 0;
}

/** How many dependencies the job has, or how many of them are not met yet. */
async function countOf(
  pool: Pool,
  batchId: string,
  column: 'needs' | 'pending',
  { number, firstIndex, count }: ChunkOfJob,
  index: number,
): Promise<number> {
  const { rows } = await pool.query<{ counts: Buffer | null }>(
    `select ${column} as counts from batchwright.plan_chunk where batch_id = $1 and number = $2`,
    [batchId, number],
  );
  const counts = rows[0]?.counts;
  return counts ? (unpackCounts(counts, count)[index - firstIndex] ?? 0) : 0;
}

/** The indexes of the jobs that wait for a job, or did. */
export async function dependentsOf(
  pool: Pool,
  batchId: string,
  chunk: ChunkOfJob,
  index: number,
): Promise<number[]> {
  const { rows } = await pool.query<{ graph: Buffer }>(
    'select graph from batchwright.plan_chunk where batch_id = $1 and number = $2',
    [batchId, chunk.number],
  );
  const dependents = rows[0] && decodeGraph(rows[0].graph, chunk.count).dependents;
  if (!dependents) return [];
  return [...new Set(Array.from(listAt(dependents, index - chunk.firstIndex), nodeOf))].sort((a, b) => a - b);
}

/** A group that a job waits for. */
export interface AwaitedGroup {
  group: string;
  /** Jobs of it. */
  jobs: number;
  /** Those of them that have not ended. */
  remaining: number;
}

export interface JobDependencies {
  /** The indexes of the jobs that it names, in order. */
  indexes: number[];
  /** In the order in which the batch names them. */
  groups: AwaitedGroup[];
}

/** Chunks whose graphs are read at once. */
const GRAPHS_AT_ONCE = 10;

/**
 * What a job waits for, or did. Only the edges the other way are stored: those of the groups that it names are read, then
 * graphs from the job's own chunk outwards until all of its dependencies are found, which are near as a rule.
 *
 * @param groupNames of the job's `dependsOn`; called when the job waits for anything, so none is a name that was refused
 */
export async function dependenciesOf(
  pool: Pool,
  batchId: string,
  chunk: ChunkOfJob,
  index: number,
  groupNames: () => readonly string[],
): Promise<JobDependencies> {
  let left = await countOf(pool, batchId, 'needs', chunk, index);
  const groups: AwaitedGroup[] = [];
  for (const { edges, ...group } of left > 0 ? await groupsTo(pool, batchId, index, groupNames()) : []) {
    left -= edges;
    groups.push(group);
  }
  const found = new Set<number>();
  for (let offset = 0; left > 0; offset += GRAPHS_AT_ONCE) {
    const { rows } = await pool.query<{ firstIndex: number; count: number; graph: Buffer }>(
      `select first_index as "firstIndex", count, graph
       from batchwright.plan_chunk join batchwright.chunk using (batch_id, number)
       where batch_id = $1 order by abs(number - $2), number offset $3 limit ${GRAPHS_AT_ONCE}`,
      [batchId, chunk.number, offset],
    );
    if (rows.length === 0) break;
    for (const { firstIndex, count, graph } of rows) {
      const { dependents } = decodeGraph(graph, count);
      const positions = dependents ? positionsWith(dependents, index) : [];
      left -= positions.length;
      for (const position of positions) found.add(firstIndex + position);
    }
  }
  return { indexes: [...found].sort((a, b) => a - b), groups };
}

/** The groups of these that have edges to the job, with the number of edges: one for each time that the job names it. */
async function groupsTo(
  pool: Pool,
  batchId: string,
  index: number,
  names: readonly string[],
): Promise<(AwaitedGroup & { edges: number })[]> {
  if (names.length === 0) return [];
  const { rows } = await pool.query<AwaitedGroup & { dependents: Buffer }>(
    `select name as group, size as jobs, remaining, dependents from batchwright.plan_group
     where batch_id = $1 and name = any($2) order by number`,
    [batchId, names],
  );
  return rows.flatMap(({ dependents, ...group }) => {
    const edges = integersOf(dependents).filter((edge) => nodeOf(edge) === index).length;
    return edges > 0 ? [{ ...group, edges }] : [];
  });
}

/** The positions of the lists that have an edge to the node, once for each edge. */
function positionsWith(lists: Lists, node: number): number[] {
  const positions: number[] = [];
  let position = 0;
  for (const [at, edge] of lists.values.entries()) {
    if (nodeOf(edge) !== node) continue;
    while ((lists.ends[position] ?? 0) <= at) position++;
    positions.push(position);
  }
  return positions;
}
