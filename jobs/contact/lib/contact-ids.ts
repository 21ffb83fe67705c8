/** The ids of new contacts. */
import { NonRetryableError, type Sql } from 'batchwright/plugin';

/** Generated ids are higher than given ids up to this one; higher ids that exist are skipped. */
const HIGHEST_COUNTED = 2 ** 52;

/** Locks the tenant's counter until the commit, so that no other job adds or changes contacts meanwhile. */
export async function lockCounter(sql: Sql, tenant: string): Promise<void> {
  await raiseCounter(sql, tenant, 0, 0);
}

/**
 * Locks the tenant's counter until the commit, so that no other job adds contacts meanwhile. Returns as many
 * new ids as requested, in ascending order, none of them given or in use.
 *
 * @param given the ids that callers give in the same statement
 */
export async function takeIds(
  sql: Sql,
  tenant: string,
  given: readonly number[],
  count: number,
): Promise<number[]> {
  const counted = given.reduce((highest, id) => (id <= HIGHEST_COUNTED ? Math.max(highest, id) : highest), 0);
  const last = await raiseCounter(sql, tenant, counted, count);
  const first = last - count + 1;
  if (last <= HIGHEST_COUNTED) return Array.from({ length: count }, (_, n) => first + n);
  const ids = await findFreeIds(sql, tenant, first, given, count);
  if (!Number.isSafeInteger(ids.at(-1) ?? 0))
    throw new NonRetryableError('There is no id left for a contact');
  await raiseCounter(sql, tenant, ids.at(-1) ?? 0, 0);
  return ids;
}

/** Raises the tenant's counter to at least `least`, then by `count`; returns its new value. */
async function raiseCounter(sql: Sql, tenant: string, least: number, count: number): Promise<number> {
  const { rows } = await sql.query<{ lastId: number }>(
    `insert into contact.counter as counter (tenant, last_id) values ($1, $2::bigint + $3)
     on conflict (tenant) do update set last_id = greatest(counter.last_id, $2::bigint) + $3
     returning last_id as "lastId"`,
    [tenant, least, count],
  );
  return rows[0]?.lastId ?? Number.NaN;
}

/** The lowest ids from `first` on that are neither used by a contact nor given. */
async function findFreeIds(
  sql: Sql,
  tenant: string,
  first: number,
  given: readonly number[],
  count: number,
): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `with taken as (
       select id from contact.contact where tenant = $1 and id >= $2 union select unnest($3::bigint[])
     )
     select id from generate_series($2::bigint, $2 + $4::bigint + (select count(*) from taken)) as id
     where id not in (select id from taken)
     order by id
     limit $4`,
    [tenant, first, given, count],
  );
  return rows.map(({ id }) => id);
}
