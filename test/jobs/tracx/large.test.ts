/** The largest import of participants; import.test.ts has smaller ones. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import { startSystem } from '../../support/system.ts';
import { assertRefused, connectTo } from './connect.ts';
import { setUpImport } from './participants.ts';

const system = await startSystem({ after });
const connect = connectTo(system);
const token = await connect.sessionToken(['participants.*']);
const setUp = () => setUpImport(system, connect, token);

/** A participant with every field. */
const every = (race_id: number, n: number) => ({
  unique_id: `participant-${n}`,
  first_name: `First name ${n}`,
  last_name: `Last name ${n}`,
  date_of_birth: '2001-01-01',
  race_id,
  country_code: 'nl',
  team_name: `Team ${n % 1000}`,
  start_number: `${n}`,
  chip_code: String(n).padStart(7, '0'),
  gender: 'female',
  state: 'did_not_finish',
});

test('100,000 participants with every field are stored by one request', async (t) => {
  const { id, race_id, post } = await setUp();
  const body = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => every(race_id, n)));
  const start = performance.now();
  const answer = await post(body);
  const answered = performance.now();
  assert.equal(answer.status, 200);
  const { counts } = await system.ended(answer.body.data.asyncId);
  const stored = performance.now();
  t.diagnostic(`answered in ${Math.round(answered - start)} ms, stored in ${Math.round(stored - start)} ms`);
  assert.equal(counts.succeeded, 25);
  assert.equal(counts.failed, 0);
  const list = await connect.get(`/events/${id}/participants?page=1000`, token);
  assert.equal(list.body.meta.total, 100_000);
  assert.equal(list.body.data.items.length, 100);
});

test('100,001 participants in one request are 422, and nothing is stored', async () => {
  const { participant, post, stored } = await setUp();
  const rows = await storedRows(system.pool);
  const one = JSON.stringify(participant());
  const answer = await post(`[${Array(100_001).fill(one).join(',')}]`);
  assertRefused(answer, 422, 'There must be at most 100000 participants in one request');
  assert.deepEqual(await storedRows(system.pool), rows);
  assert.deepEqual(await stored(), []);
});
