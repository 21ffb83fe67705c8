/**
 * `redjade.storeRows` `{"upload", "first", "rows"}` → `{"stored"}`: checks rows of an import and stores them under the
 * key of the upload. `POST /v1/participant_imports` uses it, before `redjade.createImport`. A row that is wrong is
 * stored with what is wrong with it. Running it again changes nothing. Rows whose import is not created are removed
 * after a day.
 */
import { defineAction } from 'batchwright/plugin';
import type { StoreRows } from '#schemas/redjade/storeRows.ts';
import { checkRow } from './lib/check-row.ts';
import { storeRows } from './lib/row-rows.ts';

export default defineAction<StoreRows>({
  summary: 'Store rows of a participant import',
  permission: 'redjade.createImport',
  example: {
    upload: '0123456789abcdef0123456789abcdef',
    first: 0,
    rows: ['{"external_id":"A-1","email":"ada@example.com"}'],
  },
  async run({ upload, first, rows }, { sql, tenant }) {
    const checked = rows.map((row, index) => ({ n: first + index, ...checkRow(row) }));
    await storeRows(sql, tenant, upload, checked);
    return { stored: rows.length };
  },
});
