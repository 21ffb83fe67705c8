/** The import of many participants through Tracx Connect. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { storedRows } from '../../http/stored-rows.ts';
import { startSystem } from '../../support/system.ts';
import { assertInvalid, assertRefused, connectTo, DOCUMENTED } from './connect.ts';
import { setUpImport } from './participants.ts';

const system = await startSystem({ after });
const connect = connectTo(system);
const token = await connect.sessionToken(['participants.*']);
const setUp = () => setUpImport(system, connect, token);

describe('an import', () => {
  test('the documented request is accepted as curl sends it, with a connect token and without a JSON Content-Type', async () => {
    const { path, race_id, stored } = await setUp();
    const { key } = await connect.connectToken(['permissions.participants.store-multiple']);
    const body = `[
      {
        "unique_id": "1",
        "first_name": "John",
        "last_name": "Doe",
        "date_of_birth": "2001-01-01",
        "race_id": ${race_id},
        "country_code": "nl",
        "team_name": null,
        "start_number": "1",
        "chip_code": "0000001",
        "gender": "male",
        "state": "before"
      }
    ]`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: '*/*' };
    const answer = await connect.ask('POST', path, { token: key, body, headers });
    assert.equal(answer.status, 200);
    const { asyncId, ...data } = answer.body.data;
    assert.deepEqual(data, {
      error: false,
      success: true,
      message: 'Successfully queued participants for import',
      errors: [],
    });

    await system.ended(asyncId);
    const authorization = `Bearer ${key}`;
    const batch = await system.request(`/v1/batches/${asyncId}`, { headers: { authorization } });
    assert.equal(batch.status, 200);
    assert.equal(batch.body.state, 'completed');
    assert.deepEqual([batch.body.counts.total, batch.body.counts.succeeded], [1, 1]);
    assert.deepEqual(await stored(), [
      { unique_id: '1', first_name: 'John', team_name: null, chip_code: '0000001', state: 'before' },
    ]);
  });

  test('participants are inserted or updated by their unique_id', async () => {
    const { participant, post, stored } = await setUp();
    await system.ended((await post([participant(), participant({ unique_id: '2' })])).body.data.asyncId);
    const { chip_code: _, ...later } = participant({ first_name: 'Jane', team_name: 'A', state: null });
    await system.ended((await post([later])).body.data.asyncId);
    assert.deepEqual(await stored(), [
      { unique_id: '1', first_name: 'Jane', team_name: 'A', chip_code: '0000001', state: null },
      { unique_id: '2', first_name: 'John', team_name: null, chip_code: '0000001', state: 'before' },
    ]);
  });

  test('of several rows with one unique_id the later updates the earlier, however far apart they are', async () => {
    const { id, participant, post, stored } = await setUp();
    const rows = Array.from({ length: 9000 }, (_, n) => participant({ unique_id: `p${n}` }));
    const { chip_code: _, ...second } = participant({ first_name: 'Second', team_name: 'B', state: null });
    const { team_name: __, ...third } = participant({ first_name: 'Third', chip_code: 'ABCDEFG' });
    const ended = await system.ended((await post([participant(), ...rows, second, third])).body.data.asyncId);
    assert.equal(ended.counts.succeeded, 3);
    const [first, ...others] = await stored();
    assert.deepEqual(first, {
      unique_id: '1',
      first_name: 'Third',
      team_name: 'B',
      chip_code: 'ABCDEFG',
      state: 'before',
    });
    assert.equal(others.length, 9000);
    const list = await connect.get(`/events/${id}/participants?per_page=1`, token);
    assert.equal(list.body.meta.total, 9001);
  });

  test('participants with long texts are stored by more jobs', async () => {
    const { participant, post, stored } = await setUp();
    const long = 'x'.repeat(100);
    const texts = { first_name: long, last_name: long, team_name: long };
    const rows = Array.from({ length: 4000 }, (_, n) => participant({ unique_id: `p${n}`, ...texts }));
    assert.equal((await system.ended((await post(rows)).body.data.asyncId)).counts.succeeded, 2);
    assert.equal((await stored()).length, 4000);
  });

  test('an import without participants is a batch that stores nothing', async () => {
    const { post, stored } = await setUp();
    const answer = await post([]);
    assert.equal(answer.status, 200);
    assert.equal((await system.ended(answer.body.data.asyncId)).counts.succeeded, 1);
    assert.deepEqual(await stored(), []);
  });

  test('a compressed body is accepted', async () => {
    const { path, participant, stored } = await setUp();
    const body = gzipSync(JSON.stringify([participant()]));
    const headers = { 'content-encoding': 'gzip' };
    const answer = await connect.ask('POST', path, { token, body, headers });
    await system.ended(answer.body.data.asyncId);
    assert.equal((await stored()).length, 1);
  });
});

describe('an import with a wrong row stores nothing', () => {
  /** Sends rows of which some are wrong, and checks that nothing was stored. */
  async function refused(send: () => Promise<void>): Promise<void> {
    const rows = await storedRows(system.pool);
    await send();
    assert.deepEqual(await storedRows(system.pool), rows);
  }

  test('the documented example of a 422: a chip code of the wrong length in the fourth row', async () => {
    const { participant, post } = await setUp();
    const rows = [1, 2, 3, 4].map((n) => participant({ unique_id: `${n}`, chip_code: n === 4 ? '1' : null }));
    await refused(async () => {
      const answer = await post(rows);
      assert.equal(answer.status, 422);
      assert.deepEqual(answer.body, {
        data: {
          error: true,
          success: false,
          message: 'One or more fields are invalid',
          errors: [{ index: 3, field: 'chip_code', message: 'must be exactly 7 characters' }],
        },
      });
    });
  });

  test('each wrong field of each row is named', async () => {
    const { participant, post } = await setUp();
    const { unique_id: _, ...without } = participant({ gender: 'x' });
    await refused(async () =>
      assertInvalid(await post([participant({ race_id: '1', state: 7 }), participant(), without]), [
        { index: 0, field: 'race_id', message: 'must be an integer' },
        { index: 0, field: 'state', message: 'must be a string' },
        { index: 2, field: 'unique_id', message: 'is required' },
        { index: 2, field: 'gender', message: 'must be male, female or neutral' },
      ]),
    );
  });

  test('a row that is not an object is named', async () => {
    const { participant, post } = await setUp();
    const error = { field: null, message: 'must be an object' };
    await refused(async () =>
      assertInvalid(
        await post([participant(), null, 7, 'x', [], true]),
        [1, 2, 3, 4, 5].map((index) => ({ index, ...error })),
      ),
    );
  });

  test('a row that is too large to be a participant is named', async () => {
    const { participant, post } = await setUp();
    await refused(async () =>
      assertInvalid(await post([participant(), participant({ team_name: 'x'.repeat(1_000_000) })]), [
        { index: 1, field: null, message: 'must have at most 65536 characters' },
      ]),
    );
  });

  test('a race that does not exist, or is another event’s, is named', async () => {
    const { id, participant, post } = await setUp();
    const other = await connect.addEvent();
    const message = `is not a race of event ${id}`;
    const rows = [participant(), participant({ race_id: other.races[0] }), participant({ race_id: 999_999 })];
    await refused(async () =>
      assertInvalid(await post(rows), [
        { index: 1, field: 'race_id', message },
        { index: 2, field: 'race_id', message },
      ]),
    );
  });

  test('a race of an event without races is refused', async () => {
    const { id } = await connect.addEvent('Without races', []);
    const other = await connect.addEvent();
    const rows = [{ ...DOCUMENTED, race_id: other.races[0] }];
    const answer = await connect.post(`/events/${id}/participants`, token, rows);
    assertInvalid(answer, [{ index: 0, field: 'race_id', message: `is not a race of event ${id}` }]);
  });

  test('the first hundred errors are named, and all are counted', async () => {
    const { participant, post } = await setUp();
    const rows = Array.from({ length: 250 }, () => participant({ gender: 'x' }));
    await refused(async () => {
      const answer = await post([participant(), ...rows]);
      assertRefused(answer, 422, 'One or more fields are invalid: the first 100 of 250 are listed');
      const { errors } = answer.body.data;
      assert.equal(errors.length, 100);
      assert.deepEqual([errors[0].index, errors[99].index], [1, 100]);
    });
  });

  test('a wrong row at the end of many is named', async () => {
    const { participant, post } = await setUp();
    const rows = Array.from({ length: 5000 }, (_, n) => participant({ unique_id: `p${n}` }));
    await refused(async () =>
      assertInvalid(await post([...rows, participant({ chip_code: '' })]), [
        { index: 5000, field: 'chip_code', message: 'must be exactly 7 characters' },
      ]),
    );
  });

  test('a body that is not a JSON array is refused', async () => {
    const { participant, post } = await setUp();
    const good = JSON.stringify(participant());
    for (const body of [
      '',
      '{}',
      good,
      `[${good}`,
      `[${good},]`,
      `[${good}] x`,
      `[${good},{"a":01}]`,
      'null',
    ])
      await refused(async () => assertRefused(await post(body), 400, /JSON|body/));
  });
});
