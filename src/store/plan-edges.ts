/** What one job of a planned batch waits for, and what waits for it: for those who look at the job. */
import type { Pool } from 'pg';
import { decodeGraph } from '../domain/plan/chunk-graph.ts';
import { type Lists, listAt, nodeOf } from '../domain/plan/edge.ts';

/** True for a job that waits for others. */
export async function isJobWaiting(
  pool: Pool,
  batchId: string,
  chunk: number,
  position: number,
): Promise<boolean> {
  const { rows } = await pool.query<{ waits: boolean | null }>(
    `select get_byte(pending, 2 * $3) + get_byte(pending, 2 * $3 + 1) > 0 as waits
     from batchwright.plan_chunk where batch_id = $1 and number = $2`,
    [batchId, chunk, position],
  );
  return rows[0]?.waits ?? false;
}

/** The indexes of the jobs that wait for a job, or did. */
export async function dependentsOf(
  pool: Pool,
  batchId: string,
  chunk: { number: number; firstIndex: number; count: number },
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

/** Chunks whose graphs are read at once. */
const GRAPHS_AT_ONCE = 10;

/**
 * The indexes of the jobs that a job waits for, or did; groups are not among them. Only the edges the other way are stored:
 * graphs are read from the job's own chunk outwards until all of its dependencies are found, which are near as a rule.
 */
export async function dependenciesOf(
  pool: Pool,
  batchId: string,
  chunk: { number: number; firstIndex: number },
  index: number,
): Promise<number[]> {
  const { rows: own } = await pool.query<{ needs: number | null }>(
    `select get_byte(needs, 2 * $3) + 256 * get_byte(needs, 2 * $3 + 1) as needs
     from batchwright.plan_chunk where batch_id = $1 and number = $2`,
    [batchId, chunk.number, index - chunk.firstIndex],
  );
  let left = own[0]?.needs ?? 0;
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
  return [...found].sort((a, b) => a - b);
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
