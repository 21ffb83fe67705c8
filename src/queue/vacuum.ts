import type { PgBoss } from 'pg-boss';

/**
 * Messages live for seconds: a table of a few thousand rows turns over many times a minute. The default waits
 * until a fifth of the rows is dead and paces itself, while every fetch passes the dead ones; this cleans up
 * whenever autovacuum comes round (`autovacuum_naptime`, a minute), as fast as it can.
 */
const SETTINGS = {
  autovacuum_vacuum_scale_factor: 0,
  autovacuum_vacuum_threshold: 1000,
  autovacuum_vacuum_cost_delay: 0,
  autovacuum_analyze_scale_factor: 0,
  autovacuum_analyze_threshold: 1000,
};

/** Sets how pg-boss's table of messages is vacuumed; does nothing when an operator has set that already. */
export async function setVacuum(boss: PgBoss): Promise<void> {
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} = ${value}`);
  await boss.getDb().executeSql(`do $$ begin
    if not exists (select from pg_class, unnest(reloptions) as option
                   where pg_class.oid = 'pgboss.job_common'::regclass and option like 'autovacuum%') then
      alter table pgboss.job_common set (${settings.join(', ')});
    end if;
  end $$`);
}
