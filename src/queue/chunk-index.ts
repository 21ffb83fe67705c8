/**
 * SQL for the index of chunk messages. The index is sorted by queue, action and tenant, so that a statement
 * finds the next action, or the next tenant of an action, with one look-up, however many messages wait.
 */
import { CLASSES, IS_DELAYED, type MessageClass } from './priority.ts';

export const TABLE = 'pgboss.job_common';
export const WAITING = `name = $1 and state < 'active' and not blocked`;
export const ACTION = `coalesce(data ->> 'action', '') collate "C"`;
export const TENANT = `coalesce(data ->> 'tenant', '') collate "C"`;

/** For `indexes.ts`. A message of the previous release has no action and no tenant. */
export const CHUNK_INDEX = `(name, (${ACTION}), (${TENANT}), priority desc, start_after)
    where state < 'active' and not blocked`;

const OF = (of: string) => `${WAITING} and ${ACTION} = ${of}.action and ${TENANT} = ${of}.tenant`;

/**
 * Rows of `of`, which has `action` and `tenant`, for `ofEachClass`: each once, and once more for each priority of its delayed
 * messages. These are found by the time when they are due, so each priority is looked up by itself; usually there is one
 * or none.
 */
export const withDelayed = (of: string) => `
  select ${of}.*, null::int as delayed from ${of}
  union all
  select ${of}.*, delayed from ${of} cross join lateral (
    with recursive each_priority (delayed) as (
      (select priority from ${TABLE} where ${OF(of)} and ${IS_DELAYED} order by priority desc limit 1)
      union all
      select (select priority from ${TABLE} where ${OF(of)} and priority < each_priority.delayed order by priority desc limit 1)
      from each_priority where delayed is not null
    )
    select delayed from each_priority where delayed is not null
  ) as each_delayed`;

/**
 * The due messages of rows of `withDelayed` in each class, in the order in which they run.
 *
 * @param select gets the end of a statement that selects from them, the number of the class, and the class
 */
export function ofEachClass(
  select: (rows: string, number: number, of: MessageClass) => string,
  of: string,
): string {
  return CLASSES.map((each, number) =>
    select(
      `from ${TABLE} where ${OF(of)} and ${each.where(`${of}.delayed`)}
         and start_after <= pgboss.job_now() order by ${each.order}`,
      number,
      each,
    ),
  ).join(' union all ');
}

/** For `with recursive`: the actions with waiting messages in queue $1, then a null. */
export const EACH_ACTION = `each_action (action) as (
    (select ${ACTION} from ${TABLE} where ${WAITING} order by ${ACTION} limit 1)
    union all
    select (select ${ACTION} from ${TABLE} where ${WAITING} and ${ACTION} > each_action.action
            order by ${ACTION} limit 1)
    from each_action where action is not null
  )`;
