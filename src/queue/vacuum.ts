import type { PgBoss } from 'pg-boss';
import { changeTables } from './change-tables.ts';

/**
 * Messages live for seconds: a table of a few thousand rows is replaced many times a minute. By default
 * autovacuum waits until a fifth of the rows is dead and throttles itself, while every fetch reads the dead
 * ones. These settings clean up in every round of autovacuum (`autovacuum_naptime`, a minute), at full speed.
 */
const SETTINGS = {
  autovacuum_vacuum_scale_factor: 0,
  autovacuum_vacuum_threshold: 1000,
  autovacuum_vacuum_cost_delay: 0,
  autovacuum_analyze_scale_factor: 0,
  autovacuum_analyze_threshold: 1000,
};

/** Sets how pg-boss's table of messages is vacuumed, unless an operator has already set it. */
export async function setVacuum(boss: PgBoss): Promise<void> {
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} = ${value}`);
  await changeTables(
    boss,
    `if not exists (select from pg_class, unnest(reloptions) as option
                   where pg_class.oid = 'pgboss.job_common'::regclass and option like 'autovacuum%') then
      alter table pgboss.job_common set (${settings.join(', ')});
    end if;`,
  );
}
