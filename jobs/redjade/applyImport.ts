/**
 * `redjade.applyImport` `{"participant_import_id", …the six options}` → the action: applies an import to its event, all
 * of it or nothing, and only once (docs/systems.md, RedJade; README.md says what each option means).
 *
 * - The job is the action: it has the status `pending`, `started`, `completed` or `failed`, and can be read at
 *   `GET /v1/participant_import_actions/{id}`.
 * - A row in the way that no option skips fails the job with 422, and the messages name the rows. An unknown import
 *   fails it with 404.
 *
 * Not transactional, because others must see that the action has started. Everything is applied by one statement, which
 * also completes the action: when the worker dies after it, the next run finds the action completed.
 */
import { defineAction, type JobContext, NonRetryableError } from 'batchwright/plugin';
import type { ApplyImport } from '#schemas/redjade/applyImport.ts';
import {
  type ActionError,
  addAction,
  applyAction,
  failAction,
  findAction,
  type StoredAction,
  shownAction,
  startAction,
} from './lib/action-rows.ts';
import { findImport } from './lib/import-rows.ts';
import { optionsOf } from './lib/options.ts';
import { listRows } from './lib/row-rows.ts';

/** Runs after the first. */
const RETRIES = 3;
const MAX_ERRORS = 100;

export default defineAction<ApplyImport>({
  summary: 'Apply a participant import to its event',
  example: { participant_import_id: 24, skip_invalid: true },
  retry: { limit: RETRIES },
  timeoutSeconds: 600,
  // Each may write 100,000 participants.
  concurrency: 4,
  async run({ participant_import_id, ...given }, context) {
    const { sql, tenant, asyncId, index, attempt } = context;
    const action = await addAction(sql, tenant, {
      asyncId,
      jobIndex: index,
      importId: participant_import_id,
      options: optionsOf(given),
      createdBy: { type: 'Batch', id: asyncId },
    });
    if (!action) throw gone(participant_import_id);
    await startAction(sql, tenant, action.id);
    try {
      await applyOnce(action, context);
    } catch (error) {
      if (!(error instanceof NonRetryableError) && attempt > RETRIES)
        await failAction(sql, tenant, action.id, [{ message: (error as Error).message }]);
      throw error;
    }
    const applied = await findAction(sql, tenant, action.id);
    if (!applied) throw gone(participant_import_id);
    return shownAction(applied);
  },
});

/** Throws NonRetryableError when the rules refuse the import; the action has failed then. */
async function applyOnce(action: StoredAction, { sql, tenant }: JobContext): Promise<void> {
  const outcome = await applyAction(sql, tenant, action.id);
  if (outcome === 'gone') throw gone(action.importId);
  if (outcome === 'applied') return;
  const errors = await problemsOf(action, { sql, tenant });
  await failAction(sql, tenant, action.id, errors);
  throw new NonRetryableError('The import has rows that the options do not skip; nothing was applied', {
    errorCode: 422,
    additionalMessages: errors.map(({ index, field, message }) =>
      index === undefined ? message : `participants[${index}]${field ? `.${field}` : ''} ${message}`,
    ),
  });
}

/** The first problems of the rows that the options do not skip. */
async function problemsOf(
  { importId, ...options }: StoredAction,
  { sql, tenant }: Pick<JobContext, 'sql' | 'tenant'>,
): Promise<ActionError[]> {
  const stored = await findImport(sql, tenant, importId);
  if (!stored) return [];
  const errors: ActionError[] = [];
  for (let start = 0; errors.length <= MAX_ERRORS; ) {
    const rows = await listRows(sql, tenant, stored.upload, { start, limit: 200, problems: true });
    const last = rows.at(-1);
    if (!last) break;
    start = last.n + 1;
    for (const { n, isValid, duplicateOf, errors: found } of rows) {
      if (!isValid && !options.skip_invalid) errors.push(...found.map((error) => ({ index: n, ...error })));
      else if (isValid && !options.skip_duplicate_identity_matches)
        errors.push({ index: n, message: `is a duplicate of participants[${duplicateOf}]` });
    }
  }
  if (errors.length <= MAX_ERRORS) return errors;
  return [...errors.slice(0, MAX_ERRORS), { message: 'and more: the parser report of the import has all' }];
}

function gone(importId: number): NonRetryableError {
  return new NonRetryableError(`There is no participant import ${importId}`, { errorCode: 404 });
}
