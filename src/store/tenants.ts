import type { ClientBase, Pool } from 'pg';

/**
 * Creates the tenant unless it exists; returns its callback secret, which is `secret` only for a new tenant.
 */
export async function ensureTenant(client: ClientBase | Pool, name: string, secret: string): Promise<string> {
  const { rows } = await client.query<{ callback_secret: string }>(
    `with made as (
       insert into batchwright.tenant (name, callback_secret) values ($1, $2)
       on conflict (name) do nothing returning callback_secret
     )
     select callback_secret from made
     union all
     select callback_secret from batchwright.tenant where name = $1
     limit 1`,
    [name, secret],
  );
  const found = rows[0]?.callback_secret;
  // Another transaction created the tenant between the two parts of the statement: it exists now.
  return found ?? ensureTenant(client, name, secret);
}
