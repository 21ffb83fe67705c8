/** Ends of jobs of planned batches that are noted, and not yet handed on to the jobs that wait for them. */
import { randomUUID } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import type { NodeEnd } from '../domain/plan/cascade.ts';

/** Ends that are still to be handed on. */
export interface Note {
  /** Dependents of the first node that were told already. */
  told: number;
  ends: NodeEnd[];
}

/** Takes some notes of the batch out, the oldest first. */
export async function takeNotes(client: ClientBase, batchId: string, limit: number): Promise<Note[]> {
  const { rows } = await client.query<{ told: number; nodes: number[]; ends: number[]; causes: number[] }>({
    name: 'take-plan-notes',
    text: `delete from batchwright.plan_note
     where batch_id = $1
       and id = any (array(select id from batchwright.plan_note where batch_id = $1 order by created_at limit $2))
     returning told, nodes, ends, causes`,
    values: [batchId, limit],
  });
  return rows.map(({ told, nodes, ends, causes }) => ({
    told,
    ends: nodes.map((node, at) => ({ node, end: ends[at] ?? 0, cause: causes[at] ?? node })),
  }));
}

export async function insertNotes(
  client: ClientBase,
  batchId: string,
  notes: readonly Note[],
): Promise<void> {
  for (const { told, ends } of notes)
    await client.query(
      `insert into batchwright.plan_note (batch_id, id, told, nodes, ends, causes) values ($1, $2, $3, $4, $5, $6)`,
      [
        batchId,
        randomUUID(),
        told,
        ends.map(({ node }) => node),
        ends.map(({ end }) => end),
        ends.map(({ cause }) => cause),
      ],
    );
}

/** Notes that there is something to do for the batch, other than ends. */
export function insertEmptyNote(client: ClientBase, batchId: string): Promise<void> {
  return insertNotes(client, batchId, [{ told: 0, ends: [] }]);
}

export async function deleteNotes(client: ClientBase, batchId: string): Promise<void> {
  await client.query('delete from batchwright.plan_note where batch_id = $1', [batchId]);
}

export async function hasNotes(client: ClientBase | Pool, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'has-plan-notes',
    text: 'select from batchwright.plan_note where batch_id = $1 limit 1',
    values: [batchId],
  });
  return rowCount === 1;
}

/** Batches whose ends were not handed on in this time. */
export async function batchesWithNotes(client: ClientBase | Pool, minAgeSeconds: number): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select distinct batch_id as id from batchwright.plan_note
     where created_at < now() - make_interval(secs => $1) limit 1000`,
    [minAgeSeconds],
  );
  return rows.map(({ id }) => id);
}

/** Notes the ends of all jobs of the batch that have a result: what they release is looked at again. */
export async function insertEndNotes(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `insert into batchwright.plan_note (batch_id, id, nodes, ends, causes)
     select batch_id, gen_random_uuid(), array_agg(index),
       array_agg((case status when 'succeeded' then 0 when 'failed' then 1 else 2 end)::smallint),
       array_agg(case status when 'skipped' then (response ->> 'causedBy')::int else index end)
     from batchwright.result where batch_id = $1 group by batch_id, index / ${ENDS_A_NOTE}`,
    [batchId],
  );
}

const ENDS_A_NOTE = 4000;
