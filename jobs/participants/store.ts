/**
 * `participants.store` `{"unique_id", "first_name", "last_name", "date_of_birth", "race_id", …}` → the stored
 * participant: `{"id", "unique_id", "start_number", "chip_code", "event_id", "race_id", "first_name",
 * "last_name", "full_name", "date_of_birth", "country_code", "team_name", "gender", "state", "created_at",
 * "updated_at"}` (docs/systems.md, Tracx Connect; the field rules are in the schema).
 *
 * - The participant belongs to the event of the race, and is inserted or updated by its `unique_id` there. An
 *   unknown race fails the job with 404.
 * - An absent optional field leaves the stored value; null clears it. country_code is stored in upper case.
 * - Times are `YYYY-MM-DD HH:mm:ss`, UTC.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Store } from '#schemas/participants/store.ts';
import { sentFields, storeParticipant } from './lib/participant-rows.ts';

export default defineAction<Store>({
  summary: 'Insert or update one participant',
  example: {
    unique_id: '1',
    first_name: 'John',
    last_name: 'Doe',
    date_of_birth: '2001-01-01',
    race_id: 1,
    country_code: 'nl',
    chip_code: '0000001',
  },
  // A run that is repeated must not bring back what another job has changed since.
  transactional: true,
  async run(participant, { sql, tenant }) {
    const stored = await storeParticipant(sql, tenant, participant, sentFields(participant));
    if (!stored) throw new NonRetryableError(`There is no race ${participant.race_id}`, { errorCode: 404 });
    return stored;
  },
});
