/**
 * `redjade.createImportAction` `{"participant_import_id", …options, "asyncId", "created_by_id"}` → the action: records
 * the action that a batch's job `redjade.applyImport` is, with its creator. `POST /v1/participant_import_actions` uses
 * it after it has submitted the batch. The job records itself too, if it is first.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { CreateImportAction } from '#schemas/redjade/createImportAction.ts';
import { addAction, shownAction } from './lib/action-rows.ts';
import { optionsOf } from './lib/options.ts';

export default defineAction<CreateImportAction>({
  summary: 'Record who applies a participant import',
  permission: 'redjade.applyImport',
  example: {
    participant_import_id: 24,
    asyncId: '0123456789abcdef0123456789abcdef',
    created_by_id: 'admin',
  },
  async run({ participant_import_id, asyncId, created_by_id, ...given }, { sql, tenant }) {
    const action = await addAction(sql, tenant, {
      asyncId,
      jobIndex: 0,
      importId: participant_import_id,
      options: optionsOf(given),
      createdBy: { type: 'ApiKey', id: created_by_id },
    });
    if (!action)
      throw new NonRetryableError(`There is no participant import ${participant_import_id}`, {
        errorCode: 404,
      });
    return shownAction(action);
  },
});
