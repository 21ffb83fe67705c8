/**
 * `os1.updateParticipant` `{"type", "participant": {"id", "name"?, "owner"?, "properties"?}}` → `{"uniqueCode",
 * "id"}` (docs/systems.md, OS1).
 *
 * - Properties are merged: each one that is sent replaces the stored one of its name, null included, and the others
 *   stay. An absent name or owner leaves the stored value, null clears it. The uniqueCode cannot be changed.
 * - The participant is checked here, so that a wrong one is a failed item of its batch. The job fails with 400 when it
 *   is wrong, with 404 for an id that is unknown or has another type's prefix, and with 413 when the properties would
 *   have more than 256 KiB. `details.errors` of the error are OS1's, `[{"message", "code"}]`.
 * - `propertiesJson`, `line` and `fault` are as in `os1.createParticipant`.
 * - Of several jobs with one id each changes what the earlier ones left, in the order of the batch, as long as they
 *   run together: up to 1,000 jobs at the start of a batch, later up to 4,000.
 */
import { defineAction, type Sql } from 'batchwright/plugin';
import type { UpdateParticipant } from '#schemas/os1/updateParticipant.ts';
import { itemError, shown } from './lib/item-error.ts';
import { type ChangedItem, readChanged } from './lib/items.ts';
import { lockParticipants, type StoredRow, updateParticipants } from './lib/participant-rows.ts';
import { MAX_PROPERTIES_BYTES, mergeProperties } from './lib/properties.ts';
import { turns } from './lib/turns.ts';

/** Participants in memory at once: each may have 256 KiB of properties. */
const SLICE = 200;

export default defineAction<UpdateParticipant>({
  summary: 'Update a participant of a type; properties are merged',
  example: {
    type: 'car',
    participant: { id: 'car:d208e2b0-ab66-5738-8916-0d5271ec02a0', properties: { color: 'blue' } },
  },
  transactional: true,
  failsAlone: true,
  async runMany(jobs, { sql, tenant, signal }) {
    const answers: unknown[] = [];
    const changes = new Map<string, { item: ChangedItem; position: number }[]>();
    const turn = turns(signal);
    for (const [position, { params }] of jobs.entries()) {
      await turn();
      const item = readChanged(params);
      answers.push(item);
      if (item instanceof Error) continue;
      const ofOne = changes.get(item.uuid);
      if (ofOne) ofOne.push({ item, position });
      else changes.set(item.uuid, [{ item, position }]);
    }
    // In the order of the ids: two batches with the same participants would otherwise deadlock.
    const ids = [...changes.keys()].sort();
    for (let start = 0; start < ids.length; start += SLICE) {
      signal.throwIfAborted();
      const slice = ids.slice(start, start + SLICE);
      const rows = new Map((await lockParticipants(sql, tenant, slice)).map((row) => [row.id, row]));
      const changed = new Set<StoredRow>();
      for (const id of slice)
        for (const { item, position } of changes.get(id) ?? []) {
          await turn();
          answers[position] = apply(item, rows.get(id), changed);
        }
      await store(sql, tenant, changed);
    }
    return answers;
  },
});

/** Applies a change to the row; the response, or an error that leaves the row as it was. */
function apply(item: ChangedItem, row: StoredRow | undefined, changed: Set<StoredRow>): unknown {
  if (row?.type !== item.type)
    return itemError('NOT_FOUND', `There is no participant with the id "${shown(item.id)}"`);
  if (item.properties !== undefined) {
    const merged = mergeProperties(row.properties, item.properties);
    if (Buffer.byteLength(merged) > MAX_PROPERTIES_BYTES)
      return itemError('TOO_LARGE', `properties would have more than ${MAX_PROPERTIES_BYTES} bytes`);
    row.properties = merged;
  }
  if (item.name !== undefined) row.name = item.name;
  if (item.owner !== undefined) row.owner = item.owner;
  changed.add(row);
  return { uniqueCode: row.uniqueCode, id: `${row.type}:${row.id}` };
}

async function store(sql: Sql, tenant: string, changed: ReadonlySet<StoredRow>): Promise<void> {
  if (changed.size > 0) await updateParticipants(sql, tenant, [...changed]);
}
