/** The statements on `event.event` and `event.race`. */
import type { Sql } from 'batchwright/plugin';

export async function raceExists(sql: Sql, tenant: string, raceId: number): Promise<boolean> {
  const { rowCount } = await sql.query('select from event.race where tenant = $1 and id = $2', [
    tenant,
    raceId,
  ]);
  return rowCount > 0;
}
