import type { ClientBase, Pool } from 'pg';

/** Makes the tenant unless it exists; answers its callback secret, which is `secret` only for a new one. */
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
  // Another transaction made the tenant between the two halves of the statement: it is there now.
  return found ?? ensureTenant(client, name, secret);
}
