import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';
import { ACTION, DELAYED_CLASS, EACH_ACTION, ofEachClass, TABLE, TENANT, WAITING } from './chunk-index.ts';
import { chunkQueue } from './messages.ts';

/** Tenants checked per action: the question is whether any batch waits, not which. */
const TENANTS = 4;

/** A batch that is next in the queue. */
export interface WaitingBatch {
  batch: string;
  action: string;
  /** Jobs that have waited for another run, and are due. */
  isDelayed: boolean;
}

/** Batches that are next in the queue, a few for each action. */
export function waitingBatches(pool: Pool, queue: string): Promise<WaitingBatch[]> {
  return queryByIndex(pool, { name: 'waiting-batches', text: WAITING_BATCHES, values: [chunkQueue(queue)] });
}

const WAITING_BATCHES = `
  with recursive ${EACH_ACTION}, each_tenant (action, tenant, number) as (
    select action, (select ${TENANT} from ${TABLE} where ${WAITING} and ${ACTION} = action
                    order by ${TENANT} limit 1), 1
    from each_action where action is not null
    union all
    select action, (select ${TENANT} from ${TABLE}
                    where ${WAITING} and ${ACTION} = each_tenant.action and ${TENANT} > each_tenant.tenant
                    order by ${TENANT} limit 1), number + 1
    from each_tenant where tenant is not null and number < ${TENANTS}
  )
  select distinct each_tenant.action, batch, class = ${DELAYED_CLASS} as "isDelayed"
  from each_tenant cross join lateral (
    ${ofEachClass((rows, number) => `select group_id as batch, ${number} as class from (select group_id ${rows} limit 2) as message`, 'each_tenant')}
  ) as next where tenant is not null`;
