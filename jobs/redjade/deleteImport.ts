/**
 * `redjade.deleteImport` `{"participant_import_id"}` → `{"deleted": true}`: removes an import with its rows and its
 * actions; the event's participants stay. It waits for an action that is being applied. An action that has not started
 * then fails, because its import is no longer there. An unknown import fails the job with 404.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { DeleteImport } from '#schemas/redjade/deleteImport.ts';
import { removeImport, removeRows } from './lib/import-rows.ts';

export default defineAction<DeleteImport>({
  summary: 'Delete a participant import',
  example: { participant_import_id: 24 },
  transactional: true,
  timeoutSeconds: 600,
  async run({ participant_import_id }, { sql, tenant }) {
    const upload = await removeImport(sql, tenant, participant_import_id);
    if (upload === null)
      throw new NonRetryableError(`There is no participant import ${participant_import_id}`, {
        errorCode: 404,
      });
    await removeRows(sql, tenant, upload);
    return { deleted: true };
  },
});
