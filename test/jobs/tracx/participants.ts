import type { System } from '../../support/system.ts';
import { type connectTo, DOCUMENTED } from './connect.ts';

/** A new event, and functions for its participants. */
export async function setUpImport(
  system: Pick<System, 'pool'>,
  connect: ReturnType<typeof connectTo>,
  token: string,
) {
  const { id, races } = await connect.addEvent();
  const path = `/events/${id}/participants`;
  const [race_id] = races;
  return {
    id,
    race_id,
    path,
    participant: (fields: object = {}) => ({ ...DOCUMENTED, race_id, ...fields }),
    post: (body: unknown) => connect.post(path, token, body),
    async stored() {
      const { rows } = await system.pool.query(
        `select unique_id, first_name, team_name, chip_code, state from participants.participant
         where event_id = $1 order by unique_id`,
        [id],
      );
      return rows;
    },
  };
}
