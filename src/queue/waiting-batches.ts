import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';
import { ACTION, EACH_ACTION, ofEachClass, TABLE, TENANT, WAITING, withDelayed } from './chunk-index.ts';
import { chunkQueue } from './messages.ts';
import { DELAYED_CLASS } from './priority.ts';

/** Tenants checked per action: the question is whether any batch waits, not which. */
const TENANTS = 4;

/** A batch that is next in the queue. */
export interface WaitingBatch {
  batch: string;
  tenant: string;
  priority: number;
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
  ), found as materialized (
    select action, tenant from each_tenant where tenant is not null
  ), flow as materialized (${withDelayed('found')}
  )
  select distinct flow.action, flow.tenant, batch, level as priority, class = ${DELAYED_CLASS} as "isDelayed"
  from flow cross join lateral (
    ${ofEachClass((rows, number, { level }) => `select batch, level, ${number} as class from (select group_id as batch, ${level} as level ${rows} limit 2) as message`, 'flow')}
  ) as next`;
