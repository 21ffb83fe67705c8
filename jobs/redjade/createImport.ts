/**
 * `redjade.createImport` `{"upload", "external_event_id", "row_count"}` → the import: makes an import of the rows that
 * `redjade.storeRows` has stored, and matches them with the event's participants (docs/systems.md, RedJade). Nothing is
 * applied. An unknown event fails the job with 404, missing rows with 409, and more than 1,000 different demographic
 * categories with 422.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { CreateImport } from '#schemas/redjade/createImport.ts';
import { requireEvent } from './lib/event-rows.ts';
import { addImport, findImport, resolveRows, type StoredImport, shownImport } from './lib/import-rows.ts';
import { completeUpload, countCategories, countRows, removeOldUploads } from './lib/row-rows.ts';

/** The export has a column for each. */
const MAX_CATEGORIES = 1000;

export default defineAction<CreateImport>({
  summary: 'Create a participant import of stored rows',
  example: { upload: '0123456789abcdef0123456789abcdef', external_event_id: 24, row_count: 1 },
  transactional: true,
  timeoutSeconds: 300,
  async run({ upload, external_event_id, row_count }, { sql, tenant }) {
    const eventId = await requireEvent(sql, tenant, external_event_id);
    const stored = await countRows(sql, tenant, upload);
    if (stored !== row_count)
      throw new NonRetryableError(`${stored} of ${row_count} rows are stored`, { errorCode: 409 });
    const categories = await countCategories(sql, tenant, upload);
    if (categories > MAX_CATEGORIES)
      throw new NonRetryableError(
        `the participants name ${categories} different demographic categories; the maximum is ${MAX_CATEGORIES}`,
        { errorCode: 422 },
      );
    const id = await addImport(sql, tenant, { upload, eventId, externalEventId: String(external_event_id) });
    await resolveRows(sql, tenant, id);
    await completeUpload(sql, tenant, upload);
    await removeOldUploads(sql, tenant);
    return shownImport((await findImport(sql, tenant, id)) as StoredImport);
  },
});
