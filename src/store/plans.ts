/** The plans of batches whose jobs depend on each other: see `domain/plan`. */
import { LRUCache } from 'lru-cache';
import type { ClientBase } from 'pg';
import type { EndedGroup, GroupChange, LoadedPart } from '../domain/plan/cascade.ts';
import { type ChunkGraph, decodeGraph, integersOf, sizeOfGraph } from '../domain/plan/chunk-graph.ts';
import { packCounts, unpackCounts } from '../domain/plan/counts.ts';
import type { Bounds } from '../domain/plan/plan.ts';
import { deleteNotes, insertEndNotes } from './plan-notes.ts';

/**
 * Locks the batch's plan until the transaction ends: no other process releases jobs meanwhile. Null when the batch is gone.
 */
export async function lockPlan(client: ClientBase, batchId: string): Promise<Bounds | null> {
  const { rows } = await client.query<{ bounds: Buffer }>(
    'select bounds from batchwright.plan where batch_id = $1 for update',
    [batchId],
  );
  return rows[0] ? integersOf(rows[0].bounds) : null;
}

/** What a process keeps of the graphs of chunks: they are needed again with each release, and never change. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/** The graphs that were used last, by batch and chunk. */
export type KeptGraphs = LRUCache<string, ChunkGraph>;

export function newKeptGraphs(): KeptGraphs {
  return new LRUCache({ maxSize: MAX_KEPT_BYTES, sizeCalculation: sizeOfGraph });
}

/** The parts of these chunks, in the order of `numbers`; an empty one for a chunk that has no part. */
export async function loadParts(
  client: ClientBase,
  batchId: string,
  numbers: readonly number[],
  { bounds, graphs }: { bounds: Bounds; graphs: KeptGraphs },
): Promise<LoadedPart[]> {
  const keyOf = (number: number) => `${batchId} ${number}`;
  const missing = numbers.filter((number) => !graphs.has(keyOf(number)));
  const { rows } = await client.query<{ number: number; graph: Buffer | null; pending: Buffer | null }>({
    name: 'load-plan-chunks',
    text: `select number, case when number = any($3) then graph end as graph, pending
     from batchwright.plan_chunk where batch_id = $1 and number = any($2)`,
    values: [batchId, numbers, missing],
  });
  const parts = new Map(rows.map((row) => [row.number, row]));
  return numbers.map((number) => {
    const part = parts.get(number);
    if (!part) return { graph: null, pending: null };
    const count = jobsIn(bounds, number);
    const graph = part.graph ? decodeGraph(part.graph, count) : (graphs.get(keyOf(number)) ?? null);
    if (part.graph && graph) graphs.set(keyOf(number), graph);
    return { graph, pending: part.pending && unpackCounts(part.pending, count) };
  });
}

function jobsIn(bounds: Bounds, number: number): number {
  return (bounds[number + 1] ?? 0) - (bounds[number] ?? 0);
}

/** Stores what is left of these chunks' dependencies. */
export async function savePending(
  client: ClientBase,
  batchId: string,
  chunks: readonly { number: number; pending: Uint16Array }[],
): Promise<void> {
  let end = 0;
  const rows = chunks.map(({ number, pending }) => {
    const packed = packCounts(pending);
    end += packed.length;
    return {
      number,
      waiting: waitingIn(pending),
      packed,
      from: end - packed.length + 1,
      length: packed.length,
    };
  });
  await client.query({
    name: 'save-plan-chunks',
    text: `update batchwright.plan_chunk
     set waiting = saved.waiting, pending = substring($2::bytea from saved.start for saved.length)
     from unnest($3::int[], $4::int[], $5::int[], $6::int[]) as saved (number, waiting, start, length)
     where plan_chunk.batch_id = $1 and plan_chunk.number = saved.number`,
    values: [
      batchId,
      Buffer.concat(rows.map(({ packed }) => packed)),
      rows.map(({ number }) => number),
      rows.map(({ waiting }) => waiting),
      rows.map(({ from }) => from),
      rows.map(({ length }) => length),
    ],
  });
}

function waitingIn(pending: Uint16Array): number {
  let waiting = 0;
  // Faster than an iterator, and it is done for each chunk with each release.
  for (let at = 0; at < pending.length; at++) if (pending[at] !== 0) waiting++;
  return waiting;
}

/** The first chunk of the batch in which jobs wait; null when there is none. */
export async function firstWaitingChunk(
  client: ClientBase,
  batchId: string,
  bounds: Bounds,
): Promise<{ number: number; pending: Uint16Array } | null> {
  const { rows } = await client.query<{ number: number; pending: Buffer }>(
    `select number, pending from batchwright.plan_chunk where batch_id = $1 and waiting > 0 order by number limit 1`,
    [batchId],
  );
  if (!rows[0]) return null;
  const { number, pending } = rows[0];
  return { number, pending: unpackCounts(pending, jobsIn(bounds, number)) };
}

/** Fewer jobs of the batch wait. Call it last before the commit: it locks the batch's row. */
export async function subtractWaiting(client: ClientBase, batchId: string, count: number): Promise<void> {
  await client.query({
    name: 'subtract-waiting',
    text: 'update batchwright.batch set waiting = waiting - $2 where id = $1',
    values: [batchId, count],
  });
}

type GroupRow = { number: number; unsucceeded: number | null; unfailed: number | null; dependents: Buffer };

/** Counts the ended jobs of groups; returns the groups that have ended with them. */
export async function changeGroups(
  client: ClientBase,
  batchId: string,
  changes: readonly GroupChange[],
): Promise<EndedGroup[]> {
  const { rows } = await client.query<GroupRow & { remaining: number }>({
    name: 'change-plan-groups',
    text: `update batchwright.plan_group
     set remaining = remaining - change.ended, unsucceeded = least(plan_group.unsucceeded, change.unsucceeded),
       unfailed = least(plan_group.unfailed, change.unfailed)
     from unnest($2::int[], $3::int[], $4::int[], $5::int[]) as change (number, ended, unsucceeded, unfailed)
     where plan_group.batch_id = $1 and plan_group.number = change.number
     returning plan_group.number, remaining, plan_group.unsucceeded, plan_group.unfailed,
       case when remaining = 0 then dependents end as dependents`,
    values: [
      batchId,
      changes.map(({ group }) => group),
      changes.map(({ ended }) => ended),
      changes.map(({ unsucceeded }) => unsucceeded),
      changes.map(({ unfailed }) => unfailed),
    ],
  });
  return rows.filter(({ remaining }) => remaining === 0).map(toEndedGroup);
}

/** Groups that have ended, in the order of `groups`. */
export async function endedGroups(
  client: ClientBase,
  batchId: string,
  groups: readonly number[],
): Promise<EndedGroup[]> {
  const { rows } = await client.query<GroupRow>(
    `select number, unsucceeded, unfailed, dependents from batchwright.plan_group
     where batch_id = $1 and number = any($2)`,
    [batchId, groups],
  );
  const found = new Map(rows.map((row) => [row.number, toEndedGroup(row)]));
  return groups.flatMap((group) => found.get(group) ?? []);
}

function toEndedGroup({ number, unsucceeded, unfailed, dependents }: GroupRow): EndedGroup {
  return { group: number, unsucceeded, unfailed, dependents: integersOf(dependents) };
}

/**
 * Makes the jobs without a result wait again as in the beginning, and notes the ends of the others. Call it with the
 * batch and its plan locked.
 */
export async function resetPlan(client: ClientBase, batchId: string, bounds: Bounds): Promise<void> {
  for (let number = 0; number < bounds.length - 1; number++) {
    const { rows } = await client.query<{ needs: Buffer; recorded: number[] }>(
      `select needs, array(select index from batchwright.result
         where batch_id = $1 and index >= $3 and index < $4) as recorded
       from batchwright.plan_chunk where batch_id = $1 and number = $2 and needs is not null`,
      [batchId, number, bounds[number], bounds[number + 1]],
    );
    if (!rows[0]) continue;
    const pending = unpackCounts(rows[0].needs, jobsIn(bounds, number));
    for (const index of rows[0].recorded) pending[index - (bounds[number] ?? 0)] = 0;
    await savePending(client, batchId, [{ number, pending }]);
  }
  await client.query(
    `update batchwright.plan_group set remaining = size, unsucceeded = null, unfailed = null where batch_id = $1`,
    [batchId],
  );
  await deleteNotes(client, batchId);
  await insertEndNotes(client, batchId);
  await client.query(
    `update batchwright.batch
     set waiting = (select coalesce(sum(waiting), 0) from batchwright.plan_chunk where batch_id = $1)
     where id = $1`,
    [batchId],
  );
}

/** The jobs of these chunks that have no result and wait for no other job, by chunk. */
export async function startableJobs(
  client: ClientBase,
  batchId: string,
  numbers: readonly number[],
): Promise<Map<number, number[]>> {
  const { rows } = await client.query<{
    number: number;
    firstIndex: number;
    count: number;
    pending: Buffer | null;
    recorded: number[];
  }>(
    `select chunk.number, first_index as "firstIndex", count, pending,
       array(select index from batchwright.result where batch_id = $1 and index >= chunk.first_index
             and index < chunk.first_index + chunk.count) as recorded
     from batchwright.chunk
     left join batchwright.plan_chunk on plan_chunk.batch_id = chunk.batch_id and plan_chunk.number = chunk.number
     where chunk.batch_id = $1 and chunk.number = any($2)`,
    [batchId, numbers],
  );
  return new Map(
    rows.map(({ number, firstIndex, count, pending, recorded }) => {
      const unmet = pending && unpackCounts(pending, count);
      const ended = new Set(recorded);
      const open = Array.from({ length: count }, (_, position) => firstIndex + position).filter(
        (index) => !ended.has(index) && !unmet?.[index - firstIndex],
      );
      return [number, open];
    }),
  );
}
