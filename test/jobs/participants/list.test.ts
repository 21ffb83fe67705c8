import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import list from '../../../jobs/participants/list.ts';
import store from '../../../jobs/participants/store.ts';
import storeMultiple from '../../../jobs/participants/storeMultiple.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { performAction } from '../../../src/testing/perform-action.ts';
import { runAction } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';

const { pool } = await createDatabase({ after });

/** A new event with participants of these unique_ids. */
async function setUp(uniqueIds: string[], fields: object = {}, tenant = 'default') {
  const params = { name: 'City Run', races: [{ name: '10 km' }] };
  const event: Json = await runAction(pool, addOrUpdateEvent, params, { tenant });
  const participants = uniqueIds.map((unique_id) => ({
    unique_id,
    first_name: 'John',
    last_name: 'Doe',
    date_of_birth: '2001-01-01',
    race_id: event.races[0].id,
    ...fields,
  }));
  await runAction(pool, storeMultiple, { event_id: event.id, participants }, { tenant });
  const get = (page: object = {}, as = tenant): Promise<Json> =>
    runAction(pool, list, { event_id: event.id, ...page }, { tenant: as });
  return { event_id: event.id as number, participants, get };
}

test('participants are listed by unique_id, page by page', async () => {
  const { get } = await setUp(['b', 'd', 'a', 'e', 'c']);
  const idsOf = ({ results }: Json) => results.map(({ unique_id }: Json) => unique_id);
  const all = await get();
  assert.deepEqual(idsOf(all), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(all.meta, { totalResults: 5, start: 0, perPage: 100, count: 5 });
  const last = await get({ start: 3, perPage: 3 });
  assert.deepEqual(idsOf(last), ['d', 'e']);
  assert.deepEqual(last.meta, { totalResults: 5, start: 3, perPage: 3, count: 2 });
  assert.deepEqual((await get({ start: 5 })).results, []);
});

test('a listed participant is the record that participants.store returns', async () => {
  const { participants, get } = await setUp(['a']);
  const stored = await runAction(pool, store, participants[0] as never);
  assert.deepEqual((await get()).results, [stored]);
});

test('only the participants of the event and of the tenant are listed', async () => {
  const { event_id, get } = await setUp(['a']);
  await setUp(['b']);
  await setUp(['c'], {}, 'acme');
  assert.equal((await get()).meta.totalResults, 1);
  for (const [id, tenant] of [
    [event_id, 'nobody'],
    [999_999, 'default'],
  ] as const)
    await assert.rejects(runAction(pool, list, { event_id: id }, { tenant }), (error: unknown) => {
      assert.ok(error instanceof NonRetryableError);
      assert.deepEqual([error.message, error.options.errorCode], [`There is no event ${id}`, 404]);
      return true;
    });
});

test('the largest page of the longest participants fits into a response', async () => {
  const long = '\u0001'.repeat(100);
  const ids = Array.from({ length: 200 }, (_, n) => `${'𝒜'.repeat(97)}${100 + n}`);
  const { get } = await setUp(ids, {
    first_name: long,
    last_name: long,
    team_name: long,
    start_number: '𝒜'.repeat(100),
    chip_code: '\u0001'.repeat(7),
    state: 'did_not_finish',
  });
  const page = await get({ perPage: 200 });
  assert.equal(page.results.length, 200);
  assert.ok(Buffer.byteLength(JSON.stringify(page)) < 1024 * 1024);
});

test('a page has at most 200 participants', async () => {
  const run = performAction('participants.list', { event_id: 1, perPage: 201 });
  await assert.rejects(run, /params.perPage must be <= 200/);
});
