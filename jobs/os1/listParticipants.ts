/**
 * `os1.listParticipants` `{"type", "after"?, "limit"?}` → `{"participants": [{"id", …}], "next"}`: those of a type,
 * sorted by uniqueCode, from the one after the code `after` on, at most `limit` (100 when absent) and about 768 KiB.
 * `next` is the `after` of the next call, null at the end. It is ours, like `os1.getParticipant`.
 */
import { defineAction } from 'batchwright/plugin';
import type { ListParticipants } from '#schemas/os1/listParticipants.ts';
import { listParticipants, type StoredRow } from './lib/participant-rows.ts';
import { shownParticipant } from './lib/shown-participant.ts';

/** A response may have 1 MiB. */
const MAX_BYTES = 768 * 1024;
const MAX_LIMIT = 100;

export default defineAction<ListParticipants>({
  summary: 'List the participants of a type',
  example: { type: 'car', limit: 10 },
  // Each may have a page of 25 MiB in memory.
  concurrency: 2,
  async run({ type, after = '', limit = MAX_LIMIT }, { sql, tenant }) {
    // One more shows whether this is the last page.
    const rows = await listParticipants(sql, tenant, { type, after, limit: limit + 1 });
    const page = firstOf(rows.slice(0, limit));
    const next = page.length < rows.length ? (page.at(-1)?.uniqueCode ?? null) : null;
    return { participants: page.map(shownParticipant), next };
  },
});

/** As many as fit into a response, one at least. */
function firstOf(rows: readonly StoredRow[]): StoredRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ properties, name, owner }) => {
    bytes += Buffer.byteLength(`${properties}${JSON.stringify([name, owner])}`) + 1500;
    return bytes > MAX_BYTES;
  });
  return rows.slice(0, end === -1 ? rows.length : Math.max(1, end));
}
