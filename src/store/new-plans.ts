/** Stores the plans of new batches. */
import type { ClientBase } from 'pg';
import { bytesOf } from '../domain/plan/chunk-graph.ts';
import { packCounts } from '../domain/plan/counts.ts';
import { groupDependents, type Plan, type PlanPart } from '../domain/plan/plan.ts';

/** Groups of one statement. */
const GROUPS_AT_ONCE = 1000;

/** @param bounds the first index of each chunk, then the number of jobs */
export async function insertPlan(client: ClientBase, batchId: string, bounds: Int32Array): Promise<void> {
  await client.query({
    name: 'insert-plan',
    text: 'insert into batchwright.plan (batch_id, bounds) values ($1, $2)',
    values: [batchId, bytesOf(bounds)],
  });
}

export async function insertPlanPart(
  client: ClientBase,
  batchId: string,
  number: number,
  { graph, needs, waiting }: PlanPart,
): Promise<void> {
  await client.query({
    name: 'insert-plan-part',
    text: `insert into batchwright.plan_chunk (batch_id, number, waiting, graph, needs, pending)
     values ($1, $2, $3, $4, $5, $5)`,
    values: [batchId, number, waiting, graph, needs && packCounts(needs)],
  });
}

export async function insertPlanGroups(client: ClientBase, batchId: string, plan: Plan): Promise<void> {
  const { groupNames, groupSizes } = plan;
  for (let from = 0; from < groupNames.length; from += GROUPS_AT_ONCE) {
    const names = groupNames.slice(from, from + GROUPS_AT_ONCE);
    const dependents = names.map((_, position) => bytesOf(groupDependents(plan, from + position)));
    let end = 0;
    const starts = dependents.map(({ length }) => {
      end += length;
      return end - length + 1;
    });
    await client.query({
      name: 'insert-plan-groups',
      text: `insert into batchwright.plan_group (batch_id, number, size, remaining, name, dependents)
       select $1, number, size, size, name, substring($5::bytea from start for length)
       from unnest($2::int[], $3::text[], $4::int[], $6::int[], $7::int[]) as new_group (number, name, size, start, length)`,
      values: [
        batchId,
        names.map((_, position) => from + position),
        names,
        [...groupSizes.subarray(from, from + GROUPS_AT_ONCE)],
        Buffer.concat(dependents),
        starts,
        dependents.map(({ length }) => length),
      ],
    });
  }
}
