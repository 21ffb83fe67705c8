import type { ClientBase, Pool } from 'pg';

/** What the operator has changed about an action. */
export interface ActionSetting {
  action: string;
  paused: boolean;
  /** JSON text: limits in place of those in the action's file; null for those. */
  limits: string | null;
}

/** Actions without a row are as in their files. */
export async function readActionSettings(client: ClientBase | Pool): Promise<ActionSetting[]> {
  const { rows } = await client.query<ActionSetting>({
    name: 'read-action-settings',
    text: 'select action, paused, limits from batchwright.action_setting order by action',
  });
  return rows;
}

/** Changes what is given. */
export async function changeActionSetting(
  client: ClientBase | Pool,
  action: string,
  change: { paused?: boolean | undefined; limits?: string | null | undefined },
): Promise<void> {
  await client.query(
    `insert into batchwright.action_setting as known (action, paused, limits)
     values ($1, coalesce($2, false), $3)
     on conflict (action) do update set paused = coalesce($2, known.paused),
       limits = case when $4 then $3 else known.limits end`,
    [action, change.paused ?? null, change.limits ?? null, change.limits !== undefined],
  );
}
