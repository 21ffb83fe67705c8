/** The secrets that sign the callbacks of a tenant: the current one, and those that were replaced lately. */
import type { ClientBase, Pool } from 'pg';

export interface CallbackSecretRow {
  secret: string;
  /** When it ends; null for the current one. */
  endsAt: Date | null;
}

/** The current secret first, then the replaced ones that still sign, youngest first. Empty for an unknown tenant. */
export async function callbackSecrets(
  client: ClientBase | Pool,
  tenant: string,
): Promise<CallbackSecretRow[]> {
  const { rows } = await client.query<CallbackSecretRow>({
    name: 'callback-secrets',
    text: `select secret, ends_at as "endsAt" from (
       select null::bigint as id, callback_secret as secret, null::timestamptz as ends_at
       from batchwright.tenant where name = $1
       union all
       select id, secret, ends_at from batchwright.replaced_callback_secret
       where tenant = $1 and ends_at > now()
     ) as signing order by id desc nulls first`,
    values: [tenant],
  });
  return rows;
}

/** Locks the tenant until the transaction ends, so that its secret is replaced once at a time. */
export async function lockTenant(client: ClientBase, tenant: string): Promise<void> {
  await client.query('select from batchwright.tenant where name = $1 for update', [tenant]);
}

/** Makes `secret` the current one. The one before signs for so many seconds more. */
export async function replaceCallbackSecret(
  client: ClientBase,
  { tenant, secret, overlapSeconds }: { tenant: string; secret: string; overlapSeconds: number },
): Promise<void> {
  await client.query(
    `with replaced as (
       insert into batchwright.replaced_callback_secret (tenant, secret, ends_at)
       select name, callback_secret, now() + make_interval(secs => $3) from batchwright.tenant where name = $1
     )
     update batchwright.tenant set callback_secret = $2 where name = $1`,
    [tenant, secret, overlapSeconds],
  );
}

/** Deletes the replaced secrets that have ended, and all but the youngest `most`. */
export async function deleteReplacedSecrets(client: ClientBase, tenant: string, most: number): Promise<void> {
  await client.query(
    `delete from batchwright.replaced_callback_secret
     where tenant = $1 and (ends_at <= now() or id not in (
       select id from batchwright.replaced_callback_secret where tenant = $1 order by id desc limit $2))`,
    [tenant, most],
  );
}
