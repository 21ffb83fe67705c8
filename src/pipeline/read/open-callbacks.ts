/** The callbacks of a tenant that are not delivered, over all its batches. */
import type { Pool } from 'pg';
import { type AsyncId, toAsyncId, toBatchId } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import { type LoggedDelivery, listOpenCallbacks } from '../../store/deliveries.ts';

/** A callback that waits for its next attempt, or has had its last. */
export type OpenCallbackState = 'pending' | 'failed';

export interface OpenCallbackView {
  asyncId: AsyncId;
  url: string;
  state: OpenCallbackState;
  attempts: number;
  /** As those of the batch. */
  actions?: string[];
  finishedAt: Date;
  /** Null before the first attempt. */
  lastAttempt: LoggedDelivery | null;
}

/** Those of the youngest batches first; `next` is the id to continue after, null at the end. */
export async function openCallbacks(
  pool: Pool,
  caller: Caller,
  page: { state: OpenCallbackState | undefined; limit: number; before: AsyncId | undefined },
): Promise<{ data: OpenCallbackView[]; next: AsyncId | null }> {
  const { state, limit } = page;
  const before = page.before === undefined ? undefined : toBatchId(page.before);
  const rows = await listOpenCallbacks(pool, caller.tenant, { state, before, limit: limit + 1 });
  const data = rows.slice(0, limit).map(({ id, last, actions, ...row }) => ({
    asyncId: toAsyncId(id),
    ...row,
    ...(actions && { actions }),
    lastAttempt: last === null ? null : JSON.parse(last),
  }));
  return { data, next: rows.length > limit ? (data.at(-1)?.asyncId ?? null) : null };
}
