/**
 * How the index of chunk messages is asked. It goes by queue, action and tenant, so that a statement finds the next
 * action, or the next tenant of an action, with one look each, however many messages wait.
 */
import { DELAYED_PRIORITY } from './messages.ts';

export const TABLE = 'pgboss.job_common';
export const WAITING = `name = $1 and state < 'active' and not blocked`;
export const ACTION = `coalesce(data ->> 'action', '') collate "C"`;
export const TENANT = `coalesce(data ->> 'tenant', '') collate "C"`;

/** For `indexes.ts`. A message of the release before has neither action nor tenant. */
export const CHUNK_INDEX = `(name, (${ACTION}), (${TENANT}), priority desc, start_after)
    where state < 'active' and not blocked`;

/**
 * Each class is one range of the index: small chunks, first chunks, later chunks, delayed messages. Those that are not
 * due yet lie behind those that are.
 */
const CLASSES = [
  { where: 'priority > 0', order: 'priority desc, start_after' },
  { where: 'priority = 0', order: 'priority desc, start_after' },
  { where: `priority < 0 and priority > ${DELAYED_PRIORITY}`, order: 'priority desc, start_after' },
  { where: `priority = ${DELAYED_PRIORITY}`, order: 'start_after' },
];

/** The class of small chunks: see `ofEachClass`. */
export const SMALL_CLASS = 0;

/** For each class the due messages of an action and a tenant, in the order in which they are run. */
export function ofEachClass(select: (rows: string, number: number) => string, of: string): string {
  return CLASSES.map(({ where, order }, number) =>
    select(
      `from ${TABLE} where ${WAITING} and ${ACTION} = ${of}.action and ${TENANT} = ${of}.tenant
         and ${where} and start_after <= pgboss.job_now() order by ${order}`,
      number,
    ),
  ).join(' union all ');
}

/** For `with recursive`: the actions that have messages waiting in the queue of $1, and a null after the last. */
export const EACH_ACTION = `each_action (action) as (
    (select ${ACTION} from ${TABLE} where ${WAITING} order by ${ACTION} limit 1)
    union all
    select (select ${ACTION} from ${TABLE} where ${WAITING} and ${ACTION} > each_action.action
            order by ${ACTION} limit 1)
    from each_action where action is not null
  )`;
