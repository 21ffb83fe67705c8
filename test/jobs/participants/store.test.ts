import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Store } from '#schemas/participants/store.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import store from '../../../jobs/participants/store.ts';
import storeMultiple from '../../../jobs/participants/storeMultiple.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { runAction } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';

const { pool } = await createDatabase({ after });
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

/** A new event with one race, and functions for its participants. */
async function setUp(tenant = 'default') {
  const params = { name: 'City Run', races: [{ name: '10 km' }] };
  const event: Json = await runAction(pool, addOrUpdateEvent, params, { tenant });
  const race_id: number = event.races[0].id;
  const participant = (fields: Partial<Store> = {}): Store => ({
    unique_id: '1',
    first_name: 'John',
    last_name: 'Doe',
    date_of_birth: '2001-01-01',
    race_id,
    ...fields,
  });
  const run = (fields: Partial<Store> = {}, as = tenant): Promise<Json> =>
    runAction(pool, store, participant(fields), { tenant: as });
  return { event_id: event.id as number, race_id, participant, run };
}

test('a participant is stored, and the response is the stored record', async () => {
  const { event_id, race_id, run } = await setUp();
  const response = await run({
    unique_id: 'A-1_b',
    first_name: 'Zoë',
    date_of_birth: '2000-02-29',
    country_code: 'nl',
    team_name: 'The "runners"',
    start_number: '12',
    chip_code: '0000001',
    gender: 'neutral',
    state: 'before',
  });
  const { id, created_at, updated_at, ...record } = response;
  assert.ok(Number.isSafeInteger(id) && id > 0);
  assert.match(created_at, TIME);
  assert.match(updated_at, TIME);
  assert.deepEqual(record, {
    unique_id: 'A-1_b',
    start_number: '12',
    chip_code: '0000001',
    event_id,
    race_id,
    first_name: 'Zoë',
    last_name: 'Doe',
    full_name: 'Zoë Doe',
    date_of_birth: '2000-02-29',
    country_code: 'NL',
    team_name: 'The "runners"',
    gender: 'neutral',
    state: 'before',
  });
});

test('the same unique_id updates the participant, keeps absent fields and clears null ones', async () => {
  const { run } = await setUp();
  const first = await run({ chip_code: '0000001', team_name: 'A' });
  const second = await run({ first_name: 'Jane', team_name: null });
  assert.equal(second.id, first.id);
  assert.equal(second.created_at, first.created_at);
  assert.deepEqual([second.full_name, second.chip_code, second.team_name], ['Jane Doe', '0000001', null]);
});

test('a participant stored alone is the one that an import updates', async () => {
  const { event_id, participant, run } = await setUp();
  await run();
  const imported = { event_id, participants: [participant({ last_name: 'Smith' })] };
  assert.deepEqual(await runAction(pool, storeMultiple, imported), { stored: 1, inserted: 0, updated: 1 });
});

test('a participant of an unknown race, or of one of another tenant, is refused', async () => {
  const { race_id, run } = await setUp('acme');
  for (const [race, tenant] of [
    [999_999, 'acme'],
    [race_id, 'nobody'],
  ] as const)
    await assert.rejects(run({ race_id: race }, tenant), (error: unknown) => {
      assert.ok(error instanceof NonRetryableError);
      assert.deepEqual([error.message, error.options.errorCode], [`There is no race ${race}`, 404]);
      return true;
    });
  const { rowCount } = await pool.query("select from participants.participant where tenant = 'nobody'");
  assert.equal(rowCount, 0);
});
