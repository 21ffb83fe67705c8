/**
 * SQL for the index of chunk messages. The index is sorted by queue, action and tenant, so that a statement
 * finds the next action, or the next tenant of an action, with one look-up, however many messages wait.
 */
import { DELAYED_PRIORITY } from './messages.ts';

export const TABLE = 'pgboss.job_common';
export const WAITING = `name = $1 and state < 'active' and not blocked`;
export const ACTION = `coalesce(data ->> 'action', '') collate "C"`;
export const TENANT = `coalesce(data ->> 'tenant', '') collate "C"`;

/** For `indexes.ts`. A message of the previous release has no action and no tenant. */
export const CHUNK_INDEX = `(name, (${ACTION}), (${TENANT}), priority desc, start_after)
    where state < 'active' and not blocked`;

/**
 * Each class is one range of the index: small chunks, first chunks, later chunks, delayed messages. Messages
 * that are not yet due come after those that are.
 */
const CLASSES = [
  { where: 'priority > 0', order: 'priority desc, start_after' },
  { where: 'priority = 0', order: 'priority desc, start_after' },
  { where: `priority < 0 and priority > ${DELAYED_PRIORITY}`, order: 'priority desc, start_after' },
  { where: `priority = ${DELAYED_PRIORITY}`, order: 'start_after' },
];

/** The class of small chunks: see `ofEachClass`. */
export const SMALL_CLASS = 0;
/** The classes of later chunks and of delayed messages. */
export const LATER_CLASS = 2;
export const DELAYED_CLASS = 3;

/** The due messages of an action and a tenant in each class, in the order in which they run. */
export function ofEachClass(select: (rows: string, number: number) => string, of: string): string {
  return CLASSES.map(({ where, order }, number) =>
    select(
      `from ${TABLE} where ${WAITING} and ${ACTION} = ${of}.action and ${TENANT} = ${of}.tenant
         and ${where} and start_after <= pgboss.job_now() order by ${order}`,
      number,
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
