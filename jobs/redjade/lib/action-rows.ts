/** The statements on `redjade.participant_import_action`. */
import type { Sql } from 'batchwright/plugin';
import { OPTION_NAMES, type OptionName, type Options } from './options.ts';

export type ActionStatus = 'pending' | 'started' | 'completed' | 'failed';

/** Why an action failed; `index` is the number of the row, from 0. */
export interface ActionError {
  message: string;
  index?: number;
  field?: string;
}

/** An action as it is stored. */
export interface StoredAction extends Options {
  id: number;
  importId: number;
  createdAt: Date;
  updatedAt: Date;
  status: ActionStatus;
  successCount: number;
  createdCount: number;
  updatedCount: number;
  destroyedCount: number;
  skippedCount: number;
  ignoredDemographicsCount: number;
  attemptCount: number;
  createdByType: string;
  createdById: string;
  asyncId: string;
  jobIndex: number;
  errors: ActionError[];
}

const COLUMNS = `id, participant_import_id as "importId", created_at as "createdAt", updated_at as "updatedAt", status,
  success_count as "successCount", created_count as "createdCount", updated_count as "updatedCount",
  destroyed_count as "destroyedCount", skipped_count as "skippedCount",
  ignored_demographics_count as "ignoredDemographicsCount", attempt_count as "attemptCount",
  created_by_type as "createdByType", created_by_id as "createdById", async_id as "asyncId", job_index as "jobIndex",
  errors, ${OPTION_NAMES.join(', ')}`;

/** An action as callers see it. */
export function shownAction(stored: StoredAction) {
  const options = Object.fromEntries(OPTION_NAMES.map((name) => [name, stored[name]]));
  return {
    id: stored.id,
    participant_import_id: stored.importId,
    created_at: stored.createdAt.toISOString(),
    updated_at: stored.updatedAt.toISOString(),
    success_count: stored.successCount,
    status: stored.status,
    created_by_type: stored.createdByType,
    created_by_id: stored.createdById,
    ...(options as Record<OptionName, boolean>),
    attempt_count: stored.attemptCount,
    created_count: stored.createdCount,
    updated_count: stored.updatedCount,
    destroyed_count: stored.destroyedCount,
    skipped_count: stored.skippedCount,
    ignored_demographics_count: stored.ignoredDemographicsCount,
    asyncId: stored.asyncId,
    errors: stored.errors,
  };
}

type StoredText = Omit<StoredAction, 'errors'> & { errors: string };

function read(row: StoredText): StoredAction {
  return { ...row, errors: JSON.parse(row.errors) };
}

/** The job that an action is. */
export interface ActionJob {
  asyncId: string;
  jobIndex: number;
  importId: number;
  options: Options;
  createdBy: { type: string; id: string };
}

/**
 * Adds the action of a job, once: the caller's request and the job itself both do, because either may come first. The
 * request knows who the creator is. Returns null when there is no such import.
 *
 * @param job.createdBy replaces what is stored, when its type is ApiKey
 */
export async function addAction(sql: Sql, tenant: string, job: ActionJob): Promise<StoredAction | null> {
  const { rows } = await sql.query<StoredText>(
    `insert into redjade.participant_import_action as action (
       tenant, async_id, job_index, participant_import_id, created_by_type, created_by_id, ${OPTION_NAMES.join(', ')}
     )
     select tenant, $3, $4, id, $5, $6, ${OPTION_NAMES.map((_, index) => `$${index + 7}::boolean`).join(', ')}
     from redjade.participant_import where tenant = $1 and id = $2
     on conflict (tenant, async_id, job_index) do update set
       created_by_type = case when excluded.created_by_type = 'ApiKey' then 'ApiKey' else action.created_by_type end,
       created_by_id =
         case when excluded.created_by_type = 'ApiKey' then excluded.created_by_id else action.created_by_id end
     returning ${COLUMNS}`,
    [
      tenant,
      job.importId,
      job.asyncId,
      job.jobIndex,
      job.createdBy.type,
      job.createdBy.id,
      ...OPTION_NAMES.map((name) => job.options[name]),
    ],
  );
  return rows[0] ? read(rows[0]) : null;
}

/** Counts an attempt of an action that is not completed, and shows that it has started. */
export async function startAction(sql: Sql, tenant: string, id: number): Promise<void> {
  await sql.query(
    `update redjade.participant_import_action
     set status = 'started', attempt_count = attempt_count + 1, errors = '[]', updated_at = now()
     where tenant = $1 and id = $2 and status <> 'completed'`,
    [tenant, id],
  );
}

/**
 * Applies the action in this one statement. Returns `refused` when a row is in the way that no option skips, and `gone`
 * when the import is no longer there; nothing is applied then.
 */
export async function applyAction(
  sql: Sql,
  tenant: string,
  id: number,
): Promise<'applied' | 'refused' | 'gone'> {
  const { rows } = await sql.query<{ outcome: 'applied' | 'refused' | 'gone' }>(
    'select redjade.apply($1, $2) as outcome',
    [tenant, id],
  );
  return rows[0]?.outcome ?? 'gone';
}

/** Records that an action has failed, unless it is completed. */
export async function failAction(
  sql: Sql,
  tenant: string,
  id: number,
  errors: readonly ActionError[],
): Promise<void> {
  await sql.query(
    `update redjade.participant_import_action set status = 'failed', errors = $3, updated_at = now()
     where tenant = $1 and id = $2 and status <> 'completed'`,
    [tenant, id, JSON.stringify(errors)],
  );
}

/** The action, or null when the tenant has none with this id. */
export async function findAction(sql: Sql, tenant: string, id: number): Promise<StoredAction | null> {
  const { rows } = await sql.query<StoredText>(
    `select ${COLUMNS} from redjade.participant_import_action where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return rows[0] ? read(rows[0]) : null;
}

export async function countActions(sql: Sql, tenant: string, importId: number): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(*) as count from redjade.participant_import_action
     where tenant = $1 and participant_import_id = $2`,
    [tenant, importId],
  );
  return rows[0]?.count ?? 0;
}

/** The actions of an import, by id. */
export async function listActions(
  sql: Sql,
  tenant: string,
  importId: number,
  { start, perPage }: { start: number; perPage: number },
): Promise<StoredAction[]> {
  const { rows } = await sql.query<StoredText>(
    `select ${COLUMNS} from redjade.participant_import_action
     where tenant = $1 and participant_import_id = $2
     order by id offset $3 limit $4`,
    [tenant, importId, start, perPage],
  );
  return rows.map(read);
}
