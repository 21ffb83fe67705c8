/**
 * `os1.createParticipant` `{"type", "participant": {"uniqueCode", "name"?, "owner"?, "properties"?}}` →
 * `{"uniqueCode", "id"}` (docs/systems.md, OS1).
 *
 * - The id is new: the type, a colon and a random UUID. The uniqueCode belongs to one participant of the type.
 * - The participant is checked here, so that a wrong one is a failed item of its batch. The job fails with 400 when it
 *   is wrong, with 409 when there is one with its uniqueCode, and with 413 for more than 256 KiB of properties.
 *   `details.errors` of the error are OS1's, `[{"message", "code"}]`.
 * - `propertiesJson` has the properties as JSON text, for numbers that JavaScript would round; `line` and `fault` come
 *   from a CSV file, and a `fault` fails the job.
 * - Participants of one batch are stored together. Of several with one uniqueCode one is created, and the others fail.
 */
import { randomUUID } from 'node:crypto';
import { defineAction } from 'batchwright/plugin';
import type { CreateParticipant } from '#schemas/os1/createParticipant.ts';
import { itemError } from './lib/item-error.ts';
import { readNew } from './lib/items.ts';
import { insertParticipants, type NewRow } from './lib/participant-rows.ts';
import { turns } from './lib/turns.ts';

export default defineAction<CreateParticipant>({
  summary: 'Create a participant of a type',
  example: {
    type: 'car',
    participant: {
      uniqueCode: 'QK6A-JI6S-7ETR',
      name: 'car1',
      owner: 'worldlogistics',
      properties: { color: 'red' },
    },
  },
  transactional: true,
  failsAlone: true,
  async runMany(jobs, { sql, tenant, signal }) {
    const rows = new Map<string, NewRow>();
    const wanted: (NewRow | Error)[] = [];
    const turn = turns(signal);
    for (const { params } of jobs) {
      await turn();
      const item = readNew(params);
      if (item instanceof Error) wanted.push(item);
      else {
        const row = { ...item, id: randomUUID() };
        const key = `${row.type} ${row.uniqueCode}`;
        wanted.push(row);
        if (!rows.has(key)) rows.set(key, row);
      }
    }
    if (rows.size === 0) return wanted;
    const added = await insertParticipants(sql, tenant, [...rows.values()]);
    return wanted.map((row) => {
      if (row instanceof Error) return row;
      const { type, uniqueCode, id } = row;
      return added.has(id)
        ? { uniqueCode, id: `${type}:${id}` }
        : itemError('DUPLICATE', `There is already a ${type} with the uniqueCode "${uniqueCode}"`);
    });
  },
});
