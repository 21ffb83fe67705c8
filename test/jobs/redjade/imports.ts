/** Imports of a tenant, by running the actions of `redjade` against a database. */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import applyImport from '../../../jobs/redjade/applyImport.ts';
import createImport from '../../../jobs/redjade/createImport.ts';
import listParticipants from '../../../jobs/redjade/listParticipants.ts';
import storeRows from '../../../jobs/redjade/storeRows.ts';
import { type ActionRun, runAction } from '../../support/action-context.ts';
import type { Json } from '../../support/json.ts';

export interface Imports {
  tenant: string;
  /** Creates an import of rows for the event 1; returns its id. */
  create(rows: readonly unknown[]): Promise<number>;
  /** Applies an import; throws the error of a failed action. */
  apply(importId: number, options?: object, run?: ActionRun): Promise<Json>;
  /** The participants of the event without their ids, by external_id and e-mail. */
  participants(): Promise<Json[]>;
  categories(): Promise<string[]>;
  /** The rows of an import as they were understood, in their order. */
  rows(importId: number): Promise<Json[]>;
}

/** A tenant with an event 1 that has no externalEventId. */
export async function tenantWithEvent(pool: pg.Pool, tenant: string): Promise<Imports> {
  await runAction(pool, addOrUpdateEvent, { id: 1, name: 'Tasting' }, { tenant });
  const query = async (text: string, values: unknown[] = []) =>
    (await pool.query(text, [tenant, ...values])).rows;
  return {
    tenant,
    async create(rows) {
      const upload = randomBytes(16).toString('hex');
      const texts = rows.map((row) => JSON.stringify(row));
      if (rows.length > 0) await runAction(pool, storeRows, { upload, first: 0, rows: texts }, { tenant });
      const params = { upload, external_event_id: 1, row_count: rows.length };
      return ((await runAction(pool, createImport, params, { tenant })) as { id: number }).id;
    },
    apply: (importId, options = {}, run = {}) =>
      runAction(pool, applyImport, { participant_import_id: importId, ...options }, { tenant, ...run }),
    async participants() {
      const { results } = (await runAction(
        pool,
        listParticipants,
        { external_event_id: 1 },
        { tenant },
      )) as Json;
      const key = ({ external_id, email }: Json) => `${external_id} ${email}`;
      return results
        .map(({ id: _, ...participant }: Json) => participant)
        .sort((one: Json, other: Json) => (key(one) < key(other) ? -1 : 1));
    },
    categories: async () =>
      (await query('select name from redjade.category where tenant = $1 order by name collate "C"')).map(
        ({ name }) => name,
      ),
    rows: (importId) =>
      query(
        `select r.n, r.is_valid, r.is_kept, r.matched_by, r.duplicate_of, r.conflict_id is not null as is_conflict,
           coalesce(p.external_id, p.email) as matched
         from redjade.participant_import i
         join redjade.import_row r on r.tenant = i.tenant and r.upload = i.upload
         left join redjade.participant p on p.tenant = r.tenant and p.id = r.matched_id
         where i.tenant = $1 and i.id = $2 order by r.n`,
        [importId],
      ),
  };
}
