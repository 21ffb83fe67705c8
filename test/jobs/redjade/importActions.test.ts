/** `/v1/participant_import_actions`, the second step, as a client sees it. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import type { Json } from '../../support/json.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { ACTIONS, addEvent, clientOf } from './client.ts';

const system = await startSystem({ after });
const client = clientOf(system);

/** RedJade's documented body. */
const DOCUMENTED = `{
  "participant_import_id": 24,
  "save_missing_categories": true,
  "only_demographics": false,
  "destroy_existing_demographics": false,
  "destroy_unmatched_participants": false,
  "skip_invalid": false,
  "skip_duplicate_identity_matches": false
}`;

/** An import into an event of its own. */
async function importInto(externalEventId: string, rows: unknown[]): Promise<number> {
  await addEvent(client, { externalEventId });
  const { status, body } = await client.create({ external_event_id: externalEventId, participants: rows });
  assert.equal(status, 201, JSON.stringify(body));
  return body.participant_import.id;
}

/** Keeps actions of an event from being applied, until `release` or the end of the test. */
async function hold(t: TestContext, externalEventId: string): Promise<() => Promise<void>> {
  const holder = await system.pool.connect();
  const key = `select hashtextextended('redjade ' || id || ' default', 0) from event.event
    where tenant = 'default' and external_event_id = $1`;
  await holder.query(`select pg_advisory_lock((${key}))`, [externalEventId]);
  let released: Promise<void> | undefined;
  const release = () => {
    released ??= holder
      .query(`select pg_advisory_unlock((${key}))`, [externalEventId])
      .then(() => holder.release());
    return released;
  };
  t.after(release);
  return release;
}

async function start(body: unknown): Promise<Json> {
  const answer = await client.post(ACTIONS, body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.participant_import_action;
}

test('the documented request applies the import, and the answer is the action', async () => {
  await system.pool.query('alter sequence redjade.participant_import_id_seq restart with 24');
  const importId = await importInto('documented', [{ external_id: 'x', demographics: { Age: 30 } }]);
  assert.equal(importId, 24);
  const answer = await client.post(ACTIONS, DOCUMENTED);
  assert.equal(answer.status, 201);
  const created = answer.body.participant_import_action;
  assert.equal(answer.headers.get('location'), `${ACTIONS}/${created.id}`);
  const action = await client.ended(created.id);
  const { id, created_at, updated_at, asyncId, ...rest } = action;
  assert.deepEqual(rest, {
    participant_import_id: 24,
    success_count: 1,
    status: 'completed',
    created_by_type: 'ApiKey',
    created_by_id: 'admin',
    save_missing_categories: true,
    only_demographics: false,
    destroy_existing_demographics: false,
    destroy_unmatched_participants: false,
    skip_invalid: false,
    skip_duplicate_identity_matches: false,
    attempt_count: 1,
    created_count: 1,
    updated_count: 0,
    destroyed_count: 0,
    skipped_count: 0,
    ignored_demographics_count: 0,
    errors: [],
  });
  assert.ok(Number.isInteger(id));
  assert.ok(Date.parse(created_at) <= Date.parse(updated_at));
  const [participant] = await client.participants('documented');
  assert.deepEqual(participant.demographics, { Age: 30 });

  // An ordinary batch of one job.
  const { counts } = await system.ended(asyncId);
  assert.deepEqual([counts.total, counts.succeeded], [1, 1]);
  const [result] = await system.results(asyncId);
  assert.equal(result.response.id, id);

  const index = (await client.get(`${ACTIONS}?participant_import_id=24`)).body;
  assert.deepEqual(index.participant_import_actions, [action]);
  assert.deepEqual(index.meta, { totalResults: 1, start: 0, perPage: 1000, count: 1 });
});

test('the options have the documented defaults, and the body may be wrapped', async () => {
  const importId = await importInto('defaults', [{ external_id: 'x' }]);
  const flat = await start({ participant_import_id: importId });
  assert.deepEqual(
    [flat.save_missing_categories, flat.only_demographics, flat.skip_invalid],
    [true, false, false],
  );
  const body = { participant_import_id: importId, save_missing_categories: false, only_demographics: true };
  const wrapped = await start({ participant_import_action: body });
  assert.deepEqual([wrapped.save_missing_categories, wrapped.only_demographics], [false, true]);
});

test('an action is started while it is applied, and applies nothing until then', async (t) => {
  const importId = await importInto('started', [{ external_id: 'x' }]);
  const release = await hold(t, 'started');
  const { id } = await start({ participant_import_id: importId });
  const action = await waitFor(
    async () => {
      const { body } = await client.get(`${ACTIONS}/${id}`);
      return body.participant_import_action.status === 'started' && body.participant_import_action;
    },
    { what: 'the action to be started' },
  );
  assert.deepEqual([action.attempt_count, action.success_count], [1, 0]);
  assert.deepEqual(await client.participants('started'), []);
  await release();
  assert.equal((await client.ended(id)).status, 'completed');
  assert.equal((await client.participants('started')).length, 1);
});

test('two actions on one import at once are applied one after the other', async (t) => {
  const rows = Array.from({ length: 20 }, (_, n) => ({ external_id: `x${n}`, demographics: { n } }));
  const importId = await importInto('at once', rows);
  const release = await hold(t, 'at once');
  const started = await Promise.all([1, 2, 3].map(() => start({ participant_import_id: importId })));
  await release();
  const ended = await Promise.all(started.map(({ id }) => client.ended(id)));
  assert.deepEqual(
    ended.map(({ status }) => status),
    ['completed', 'completed', 'completed'],
  );
  assert.deepEqual(ended.map(({ created_count }) => created_count).sort(), [0, 0, 20].sort());
  assert.deepEqual(
    ended.map(({ success_count }) => success_count),
    [20, 20, 20],
  );
  assert.equal((await client.participants('at once')).length, 20);
});

test('actions of two imports into one event at once add nobody twice', async () => {
  const rows = Array.from({ length: 50 }, (_, n) => ({ email: `p${n}@example.com` }));
  const one = await importInto('both', rows);
  const other = await importInto('both', rows.toReversed());
  const started = await Promise.all([one, other].map((id) => start({ participant_import_id: id })));
  for (const { id } of started) assert.equal((await client.ended(id)).status, 'completed');
  assert.equal((await client.participants('both')).length, 50);
});

test('a failed action says which rows are in the way, and so does its job', async () => {
  const importId = await importInto('failed', [{ external_id: 'x' }, { external_id: 'x' }, { email: 'b' }]);
  const { id, asyncId } = await start({ participant_import_id: importId });
  const action = await client.ended(id);
  assert.deepEqual([action.status, action.success_count, action.attempt_count], ['failed', 0, 1]);
  assert.deepEqual(action.errors, [
    { index: 1, message: 'is a duplicate of participants[0]' },
    { index: 2, message: 'must match format "email"', field: 'email' },
  ]);
  const [{ response }] = await system.results(asyncId);
  assert.equal(response.errorCode, 422);
  assert.equal(response.additionalMessages[1], 'participants[2].email must match format "email"');
  assert.deepEqual(await client.participants('failed'), []);
});

test('the action of a batch that anybody submits is recorded too', async () => {
  const importId = await importInto('a batch', [{ external_id: 'x' }]);
  const job = { namespace: 'redjade', action: 'applyImport', params: { participant_import_id: importId } };
  const asyncId = await system.run([job, job]);
  await system.ended(asyncId);
  const { participant_import_actions: actions } = (
    await client.get(`${ACTIONS}?participant_import_id=${importId}`)
  ).body;
  assert.deepEqual(
    actions.map((action: Json) => [
      action.status,
      action.created_by_type,
      action.created_by_id,
      action.asyncId,
    ]),
    [
      ['completed', 'Batch', asyncId, asyncId],
      ['completed', 'Batch', asyncId, asyncId],
    ],
  );
});

test('an action whose job ended without it has failed', async () => {
  const importId = await importInto('cancelled', [{ external_id: 'x' }]);
  const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }]);
  await system.ended(asyncId);
  const params = { participant_import_id: importId, asyncId, created_by_id: 'admin' };
  const { body } = await client.post('/api/1.0/redjade?action=createImportAction', params);
  const action = (await client.get(`${ACTIONS}/${body.id}`)).body.participant_import_action;
  assert.deepEqual(
    [action.status, action.errors],
    ['failed', [{ message: 'The job of the action was cancelled' }]],
  );
});

test('a pending action whose import is deleted fails', async () => {
  const importId = await importInto('deleted', [{ external_id: 'x' }]);
  const job = { namespace: 'redjade', action: 'applyImport', params: { participant_import_id: importId } };
  assert.equal((await client.delete(`/v1/participant_imports/${importId}`)).status, 204);
  const asyncId = await system.run([job]);
  await system.ended(asyncId);
  const [{ response }] = await system.results(asyncId);
  assert.deepEqual(
    [response.errorCode, response.message],
    [404, `There is no participant import ${importId}`],
  );
  assert.deepEqual(await client.participants('deleted'), []);
});

const REFUSED: [unknown, number, string, string?][] = [
  ['', 422, 'participant_import_id is required', 'participant_import_id'],
  ['{', 400, ''],
  ['[]', 422, 'the body must be object'],
  [{}, 422, 'participant_import_id is required', 'participant_import_id'],
  [{ participant_import_action: null }, 422, 'the body must be object'],
  [{ participant_import_id: '24' }, 422, 'participant_import_id must be integer', 'participant_import_id'],
  [{ participant_import_id: 24, skip_invalid: 1 }, 422, 'skip_invalid must be boolean', 'skip_invalid'],
  [{ participant_import_id: 24, skip: true }, 422, 'skip is not known', 'skip'],
  [{ participant_import_id: 999_999 }, 404, 'There is no participant import 999999', 'participant_import_id'],
];
for (const [body, status, message, field] of REFUSED)
  test(`the body ${JSON.stringify(body)} is ${status}, and nothing is stored`, async () => {
    const before = await storedRows(system.pool);
    const answer = await client.post(ACTIONS, body);
    assert.equal(answer.status, status);
    const [error] = answer.body.errors;
    if (message) assert.deepEqual(error, { message, ...(field && { field }) });
    assert.deepEqual(await storedRows(system.pool), before);
  });

for (const path of ['/0', '/x', '/999999', '/9'.padEnd(40, '9'), '/%00'])
  test(`the action at ${path} is not found`, async () => {
    const { status, body } = await client.get(`${ACTIONS}${path}`);
    assert.equal(status, 404);
    assert.match(body.errors[0].message, /^There is no participant import action/);
  });
