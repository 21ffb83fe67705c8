/** The ids of new events and races. */
import { NonRetryableError, type Sql } from 'batchwright/plugin';

/** Generated ids are higher than given ids up to this one; higher ids that exist are skipped. */
const HIGHEST_COUNTED = 2 ** 52;

/** The counter's value after callers have given these ids. */
export function counted(last: number, given: readonly number[]): number {
  return Math.max(last, ...given.filter((id) => id <= HIGHEST_COUNTED));
}

/**
 * The next ids, in ascending order, that are neither given nor in use. Lock the tenant's counter first.
 *
 * @param last the counter, after counting the given ids
 */
export async function nextIds(
  sql: Sql,
  tenant: string,
  table: 'event' | 'race',
  { last, given = [], count }: { last: number; given?: readonly number[]; count: number },
): Promise<number[]> {
  if (last + count <= HIGHEST_COUNTED) return Array.from({ length: count }, (_, n) => last + 1 + n);
  const { rows } = await sql.query<{ id: number }>(
    `with taken as (
       select id from event.${table} where tenant = $1 and id > $2 union select unnest($3::bigint[])
     )
     select id from generate_series($2::bigint + 1, $2 + $4::bigint + (select count(*) from taken)) as id
     where id not in (select id from taken)
     order by id
     limit $4`,
    [tenant, last, given, count],
  );
  const ids = rows.map(({ id }) => id);
  if (Number.isSafeInteger(ids.at(-1) ?? 0)) return ids;
  throw new NonRetryableError(`There is no id left for another ${table}`);
}
