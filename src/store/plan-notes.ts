/** Ends of jobs of planned batches that are noted, and not yet handed on to the jobs that wait for them. */
import { randomUUID } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import type { NodeEnd } from '../domain/plan/cascade.ts';
import { integersOf } from '../domain/plan/chunk-graph.ts';
import { SUCCEEDED } from '../domain/plan/edge.ts';
import type { Bounds } from '../domain/plan/plan.ts';

/** Ends that are still to be handed on. */
export interface Note {
  /** Dependents of the first node that were told already. */
  told: number;
  ends: NodeEnd[];
}

/**
 * Locks the batch's plan until the transaction ends, so that no other process releases jobs meanwhile, and takes some of
 * its notes out, the oldest first. Null, and none is taken, when another process has the lock, or the batch is gone.
 */
export async function tryTakeNotes(
  client: ClientBase,
  batchId: string,
  limit: number,
): Promise<{ bounds: Bounds; notes: Note[] } | null> {
  const { rows } = await client.query<NoteRow & { bounds: Buffer }>({
    name: 'take-plan-notes',
    // The arrays as JSON, which is read several times as fast; those that have the usual values are not sent.
    text: `with locked as materialized (
         select bounds from batchwright.plan where batch_id = $1 for update skip locked
       ), taken as (
         delete from batchwright.plan_note
         where batch_id = $1
           and id = any (array(select id from batchwright.plan_note
             where batch_id = $1 and exists (select from locked) order by created_at limit $2))
         returning told, nodes, ends, causes
       )
       select bounds, told, array_to_json(nodes)::text as nodes,
         case when ${SUCCEEDED} <> any (ends) then array_to_json(ends)::text end as ends,
         case when causes <> nodes then array_to_json(causes)::text end as causes
       from locked left join taken on true`,
    values: [batchId, limit],
  });
  if (!rows[0]) return null;
  return { bounds: integersOf(rows[0].bounds), notes: rows.flatMap(noteOf) };
}

/** All null when there is no note. */
interface NoteRow {
  told: number | null;
  nodes: string | null;
  /** Null when all have succeeded. */
  ends: string | null;
  /** Null when each is its own cause. */
  causes: string | null;
}

function noteOf({ told, nodes, ends, causes }: NoteRow): Note[] {
  if (told === null || nodes === null) return [];
  const endOf: number[] | null = ends && JSON.parse(ends);
  const causeOf: number[] | null = causes && JSON.parse(causes);
  const all: number[] = JSON.parse(nodes);
  return [
    {
      told,
      ends: all.map((node, at) => ({
        node,
        end: endOf?.[at] ?? SUCCEEDED,
        cause: causeOf?.[at] ?? node,
      })),
    },
  ];
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
