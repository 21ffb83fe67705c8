import type { ClientBase, Pool } from 'pg';
import type { CallbackMessage } from './messages.ts';
import type { Claim } from './queue.ts';

/** True when the callback was asked for again after this message was sent: the message of the repost goes on. */
export async function isSuperseded(
  client: ClientBase | Pool,
  { id, queue, message }: Claim<CallbackMessage>,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pgboss.job where name = $1 and id = $2
     and created_on < (select reposted_at from batchwright.batch where id = $3)`,
    [queue, id, message.batch],
  );
  return rowCount === 1;
}
