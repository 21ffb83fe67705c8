/** An action is applied completely or not at all, and once, whatever happens to its worker. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Sql } from 'batchwright/plugin';
import applyImport from '../../../jobs/redjade/applyImport.ts';
import createImport from '../../../jobs/redjade/createImport.ts';
import storeRows from '../../../jobs/redjade/storeRows.ts';
import { jobContext, runAction } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';
import { tenantWithEvent } from './imports.ts';

const { pool } = await createDatabase({ after });

const ASYNC_ID = '0123456789abcdef0123456789abcdef';
const ROWS = [
  { external_id: 'x', demographics: { Age: 1 } },
  { external_id: 'y', demographics: { Age: 2 } },
];

async function storedAction(tenant: string): Promise<Json> {
  const { rows } = await pool.query(
    'select status, attempt_count, success_count, errors from redjade.participant_import_action where tenant = $1',
    [tenant],
  );
  assert.equal(rows.length, 1);
  return { ...rows[0], errors: JSON.parse(rows[0].errors) };
}

class WorkerDied extends Error {}

/** One run of the job, whose worker dies at its statement that applies the import. */
async function runThatDies(tenant: string, importId: number, when: 'before' | 'after'): Promise<void> {
  const context = jobContext(pool, { tenant, asyncId: ASYNC_ID });
  let isDead = false;
  const sql: Sql = {
    async query(text, values) {
      if (isDead || (when === 'before' && text.includes('redjade.apply('))) {
        isDead = true;
        throw new WorkerDied();
      }
      const result = await context.sql.query(text, values);
      isDead = text.includes('redjade.apply(');
      return result as Json;
    },
  };
  const run = applyImport.run?.({ participant_import_id: importId }, { ...context, sql });
  await assert.rejects(Promise.resolve(run), WorkerDied);
}

for (const [when, attempts] of [
  ['before', 2],
  ['after', 1],
] as const)
  test(`an action whose worker dies ${when} it was applied is applied once`, async () => {
    const tenant = `dies ${when}`;
    const imports = await tenantWithEvent(pool, tenant);
    const importId = await imports.create(ROWS);
    await runThatDies(tenant, importId, when);
    assert.equal((await imports.participants()).length, when === 'before' ? 0 : 2);
    assert.equal((await storedAction(tenant)).status, when === 'before' ? 'started' : 'completed');

    const action = await imports.apply(importId, {}, { asyncId: ASYNC_ID });
    assert.equal((await imports.participants()).length, 2);
    const { status, created_count, updated_count, attempt_count } = action;
    assert.deepEqual([status, created_count, updated_count, attempt_count], ['completed', 2, 0, attempts]);
  });

test('an action that fails in the middle applies nothing, and fails for good after its last attempt', async () => {
  const tenant = 'fails';
  const imports = await tenantWithEvent(pool, tenant);
  await imports.apply(await imports.create([{ external_id: 'old', demographics: { Age: 9 } }]));
  const before = await imports.participants();
  const importId = await imports.create(ROWS);
  await pool.query('delete from redjade.participant_import_action where tenant = $1', [tenant]);
  await pool.query(
    "alter table redjade.participant add constraint no_y check (external_id <> 'y') not valid",
  );
  const options = { destroy_unmatched_participants: true };
  try {
    for (const attempt of [1, 2, 3, 4]) {
      await assert.rejects(imports.apply(importId, options, { asyncId: ASYNC_ID, attempt }), /no_y/);
      assert.deepEqual(await imports.participants(), before);
      assert.equal((await storedAction(tenant)).status, attempt < 4 ? 'started' : 'failed');
    }
  } finally {
    await pool.query('alter table redjade.participant drop constraint no_y');
  }
  const { attempt_count, errors } = await storedAction(tenant);
  assert.equal(attempt_count, 4);
  assert.match(errors[0].message, /no_y/);
  // As a restart of the batch does.
  assert.equal((await imports.apply(importId, options, { asyncId: ASYNC_ID })).status, 'completed');
});

test('a failed action names the rows that are in the way, the first 100 of them', async () => {
  const imports = await tenantWithEvent(pool, 'named');
  const rows = [{ external_id: 'x' }, { external_id: 'x' }, ...Array(120).fill({ email: 'broken' })];
  const importId = await imports.create(rows);
  await assert.rejects(imports.apply(importId), (error: Json) => {
    assert.equal(error.options.errorCode, 422);
    const messages = error.options.additionalMessages;
    assert.equal(messages.length, 101);
    assert.equal(messages[0], 'participants[1] is a duplicate of participants[0]');
    assert.equal(messages[1], 'participants[2].email must match format "email"');
    assert.match(messages[100], /^and more/);
    return true;
  });
  const { status, errors } = await storedAction('named');
  assert.equal(status, 'failed');
  assert.deepEqual(errors[0], { index: 1, message: 'is a duplicate of participants[0]' });
  assert.deepEqual(errors[1], { index: 2, message: 'must match format "email"', field: 'email' });
});

test('options that skip leave only the other problems named', async () => {
  const imports = await tenantWithEvent(pool, 'skips');
  const importId = await imports.create([{ external_id: 'x' }, { external_id: 'x' }, { email: 'broken' }]);
  const messagesWith = (options: object) =>
    imports.apply(importId, options).then(
      () => null,
      (error) => error.options.additionalMessages,
    );
  assert.deepEqual(await messagesWith({ skip_invalid: true }), [
    'participants[1] is a duplicate of participants[0]',
  ]);
  assert.deepEqual(await messagesWith({ skip_duplicate_identity_matches: true }), [
    'participants[2].email must match format "email"',
  ]);
});

test('an action counts what it did, and the values that have no category', async () => {
  const imports = await tenantWithEvent(pool, 'counts');
  await imports.apply(
    await imports.create([{ external_id: 'a', demographics: { Age: 1 } }, { external_id: 'z' }]),
  );
  const importId = await imports.create([
    { external_id: 'a', demographics: { Age: 2, Team: 'red', City: 'Oslo' } },
    { external_id: 'n', demographics: { Team: 'blue' } },
    { external_id: 'n' },
    { email: 'broken' },
  ]);
  const action = await imports.apply(importId, {
    save_missing_categories: false,
    destroy_unmatched_participants: true,
    skip_invalid: true,
    skip_duplicate_identity_matches: true,
  });
  const { success_count, created_count, updated_count, destroyed_count, skipped_count } = action;
  assert.deepEqual(
    [success_count, created_count, updated_count, destroyed_count, skipped_count],
    [2, 1, 1, 1, 2],
  );
  assert.equal(action.ignored_demographics_count, 3);
  assert.deepEqual(await imports.categories(), ['Age']);
});

test('an import without rows applies nothing, and removes everybody only when asked', async () => {
  const imports = await tenantWithEvent(pool, 'empty');
  await imports.apply(await imports.create(ROWS));
  const importId = await imports.create([]);
  assert.equal((await imports.apply(importId)).success_count, 0);
  assert.equal((await imports.participants()).length, 2);
  assert.equal((await imports.apply(importId, { destroy_unmatched_participants: true })).destroyed_count, 2);
  assert.deepEqual(await imports.participants(), []);
  const { rowCount } = await pool.query("select from redjade.demographic where tenant = 'empty'");
  assert.equal(rowCount, 0);
});

test('an import of rows that are not all stored is refused, and one upload is one import', async () => {
  const { tenant } = await tenantWithEvent(pool, 'upload');
  const upload = ASYNC_ID;
  const params = { upload, external_event_id: 1, row_count: 1 };
  await assert.rejects(runAction(pool, createImport, params, { tenant }), /0 of 1 rows are stored/);
  await runAction(pool, storeRows, { upload, first: 0, rows: ['{"external_id":"x"}'] }, { tenant });
  await runAction(pool, storeRows, { upload, first: 0, rows: ['{"external_id":"x"}'] }, { tenant });
  const first = (await runAction(pool, createImport, params, { tenant })) as Json;
  const second = (await runAction(pool, createImport, params, { tenant })) as Json;
  assert.equal(second.id, first.id);
  assert.equal(second.row_count, 1);
});

test('rows whose import was not created are removed after a day', async () => {
  const imports = await tenantWithEvent(pool, 'old');
  const { tenant } = imports;
  await runAction(pool, storeRows, { upload: ASYNC_ID, first: 0, rows: ['{}'] }, { tenant });
  const remaining = async () =>
    (await pool.query('select from redjade.import_row where tenant = $1 and upload = $2', [tenant, ASYNC_ID]))
      .rowCount;
  await imports.create([{ external_id: 'x' }]);
  assert.equal(await remaining(), 1);
  await pool.query("update redjade.upload set created_at = now() - interval '25 hours' where tenant = $1", [
    tenant,
  ]);
  await imports.create([{ external_id: 'y' }]);
  assert.equal(await remaining(), 0);
});

test('an import that is applied again writes only what has changed', async () => {
  const imports = await tenantWithEvent(pool, 'unchanged');
  await imports.apply(await imports.create(ROWS));
  const versions = async () =>
    (
      await pool.query(
        `select p.external_id, p.xmin::text as row, d.xmin::text as value from redjade.participant p
         join redjade.demographic d on d.tenant = p.tenant and d.participant_id = p.id
         where p.tenant = 'unchanged' order by p.external_id`,
      )
    ).rows;
  const before = await versions();
  const changed = { external_id: 'y', first_name: 'New', demographics: { Age: 2 } };
  const action = await imports.apply(await imports.create([ROWS[0], changed]));
  assert.deepEqual([action.success_count, action.updated_count], [2, 2]);
  const [x, y] = await versions();
  assert.deepEqual(x, before[0]);
  assert.equal(y.value, before[1].value);
  assert.notEqual(y.row, before[1].row);
});

test('on a server without events no event is found', async (t) => {
  const other = await createDatabase(t);
  await other.pool.query('drop schema event cascade');
  const params = { upload: ASYNC_ID, external_event_id: 1, row_count: 0 };
  await assert.rejects(runAction(other.pool, createImport, params), (error: Json) => {
    assert.deepEqual(
      [error.options.errorCode, error.message],
      [404, 'There is no event with the external_event_id 1'],
    );
    return true;
  });
});

test('an import names at most 1,000 categories', async () => {
  const imports = await tenantWithEvent(pool, 'categories');
  const row = (n: number, size: number) => ({
    external_id: `x${n}`,
    demographics: Object.fromEntries(Array.from({ length: size }, (_, c) => [`c${n} ${c}`, c])),
  });
  const rows = Array.from({ length: 10 }, (_, n) => row(n, 100));
  await imports.create(rows);
  await assert.rejects(imports.create([...rows, row(10, 1)]), /name 1001 different demographic categories/);
});
