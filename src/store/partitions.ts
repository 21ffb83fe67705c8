import type { ClientBase, Pool } from 'pg';
import { UNDIVIDED_TABLES } from './batch-tables.ts';
import { IS_VISIBLE } from './batches.ts';

/**
 * Days for which partitions are made in advance: all processes may be down for that long, or unable to make
 * them.
 */
const DAYS_AHEAD = 3;

/** Makes the partitions of the coming days; returns how many were missing. */
export async function makePartitions(client: ClientBase | Pool): Promise<number> {
  const { rows } = await client.query<{ made: number }>('select batchwright.make_partitions($1) as made', [
    DAYS_AHEAD,
  ]);
  return rows[0]?.made ?? 0;
}

/** The days before yesterday that have partitions, as `YYYYMMDD`, oldest first. */
export async function pastDays(client: ClientBase | Pool): Promise<string[]> {
  const { rows } = await client.query<{ day: string }>(
    `select distinct right(relname, 8) as day
     from pg_inherits join pg_class on pg_class.oid = inhrelid
     where inhparent in ('batchwright.chunk'::regclass, 'batchwright.result'::regclass)
       and right(relname, 8) < to_char((now() at time zone 'UTC')::date - 1, 'YYYYMMDD')
     order by day`,
  );
  return rows.map(({ day }) => day);
}

/**
 * Deletes the day's batches if all of them have ended and expired. Otherwise deletes nothing and returns
 * false.
 */
export async function deleteExpiredDay(client: ClientBase, day: string): Promise<boolean> {
  const range = await idsOf(client, day);
  const kept = await client.query(
    `select id from batchwright.batch
     where id >= $1 and id < $2 and ${IS_VISIBLE} limit 1`,
    range,
  );
  if (kept.rowCount !== 0) return false;
  await client.query('delete from batchwright.batch where id >= $1 and id < $2', range);
  for (const table of UNDIVIDED_TABLES)
    await client.query(`delete from batchwright.${table} where batch_id >= $1 and batch_id < $2`, range);
  return true;
}

/** The lowest possible batch id of the day, and that of the next day. */
async function idsOf(client: ClientBase, day: string): Promise<[string, string]> {
  const { rows } = await client.query<{ from: string; to: string }>(
    `select batchwright.first_batch_id(to_date($1, 'YYYYMMDD')::timestamp at time zone 'UTC') as from,
       batchwright.first_batch_id((to_date($1, 'YYYYMMDD') + 1)::timestamp at time zone 'UTC') as to`,
    [day],
  );
  return [rows[0]?.from ?? '', rows[0]?.to ?? ''];
}

/**
 * Drops the day's partitions. A running query on the tables would delay the drop, and all later queries would
 * wait behind it. So it gives up after a second, with Postgres's lock_not_available.
 */
export async function dropDay(client: ClientBase, day: string): Promise<void> {
  if (!/^\d{8}$/.test(day)) throw new Error(`${day} is not a day`);
  await client.query(`set local lock_timeout = '1s'`);
  await client.query(`drop table if exists batchwright.chunk_${day}, batchwright.result_${day}`);
}
