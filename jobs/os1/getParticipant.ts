/**
 * `os1.getParticipant` `{"id"}` → `{"id", "type", "uniqueCode", "name", "owner", "properties", "createdAt",
 * "updatedAt"}`. It is ours: OS1's documentation of these routes does not say how participants are read. An unknown id
 * fails the job with 404.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { GetParticipant } from '#schemas/os1/getParticipant.ts';
import { findParticipant } from './lib/participant-rows.ts';
import { shownParticipant } from './lib/shown-participant.ts';

export default defineAction<GetParticipant>({
  summary: 'Return a participant',
  example: { id: 'car:d208e2b0-ab66-5738-8916-0d5271ec02a0' },
  async run({ id }, { sql, tenant }) {
    const [type = '', uuid = ''] = id.split(':');
    const row = await findParticipant(sql, tenant, { type, id: uuid });
    if (!row) throw new NonRetryableError(`There is no participant with the id "${id}"`, { errorCode: 404 });
    return shownParticipant(row);
  },
});
