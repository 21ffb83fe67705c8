/** `/v1/participant_imports`, the first step, as a client sees it. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import type { Json } from '../../support/json.ts';
import { startSystem } from '../../support/system.ts';
import { addEvent, clientOf, IMPORTS } from './client.ts';

const system = await startSystem({ after });
const client = clientOf(system);
await addEvent(client, { id: 4, externalEventId: '77' });
await addEvent(client, { id: 5 });
await addEvent(client, { id: 6, externalEventId: 'named' });
await addEvent(client, { id: 8, externalEventId: 'with all' });

const ADA = {
  external_id: 'A-1',
  email: 'ada@example.com',
  first_name: 'Ada',
  last_name: 'Lovelace',
  locale: 'en',
};
const importOf = (rows: unknown[], more: object = {}) => ({
  external_event_id: 77,
  ...more,
  participants: rows,
});

describe('POST /v1/participant_imports', () => {
  for (const [form, wrap] of [
    ['flat', (body: object) => body],
    ['wrapped in participant_import', (body: object) => ({ participant_import: body })],
  ] as const)
    test(`an import whose body is ${form} is parsed and not applied`, async () => {
      const rows = [ADA, { email: 'grace@example.com', demographics: { Age: 85 } }, { email: 'no address' }];
      const { status, headers, body } = await client.create(wrap(importOf(rows)));
      assert.equal(status, 201);
      const created = body.participant_import;
      assert.deepEqual(Object.keys(body), ['participant_import']);
      assert.equal(headers.get('location'), `${IMPORTS}/${created.id}`);
      assert.ok(Number.isInteger(created.id));
      assert.ok(Math.abs(Date.parse(created.created_at) - Date.now()) < 60_000);
      const { id: _, created_at: __, updated_at: ___, ...rest } = created;
      assert.deepEqual(rest, {
        external_event_id: 77,
        row_count: 3,
        valid_count: 2,
        invalid_count: 1,
        matched_count: 0,
        duplicate_count: 0,
      });
      assert.deepEqual(await client.participants(77), []);
      assert.deepEqual((await client.get(`${IMPORTS}/${created.id}`)).body, body);
    });

  test('an event is named by its externalEventId, or by its id when it has none', async () => {
    for (const [externalEventId, status, shown] of [
      ['77', 201, 77],
      ['named', 201, 'named'],
      [5, 201, 5],
      ['5', 201, 5],
      [4, 404],
      ['05', 404],
      ['Named', 404],
      [78, 404],
      [Number.MAX_SAFE_INTEGER, 404],
    ] as const) {
      const answer = await client.create(importOf([ADA], { external_event_id: externalEventId }));
      assert.equal(answer.status, status, String(externalEventId));
      if (status === 201) assert.equal(answer.body.participant_import.external_event_id, shown);
      else
        assert.deepEqual(answer.body, {
          errors: [
            {
              message: `There is no event with the external_event_id ${JSON.stringify(externalEventId)}`,
              field: 'external_event_id',
            },
          ],
        });
    }
  });

  test('the members of the body may come in any order, and an import may be empty', async () => {
    const { status, body } = await client.create({ participants: [], external_event_id: 77 });
    assert.equal(status, 201);
    assert.equal(body.participant_import.row_count, 0);
    const wrapped = { participant_import: { participants: [], external_event_id: 77 } };
    assert.equal((await client.create(wrapped)).status, 201);
  });

  test('act_if_valid applies the import at once, with the options', async () => {
    await addEvent(client, { id: 9, externalEventId: 'at once' });
    const at = { external_event_id: 'at once' };
    const { status, body } = await client.create(
      importOf([{ ...ADA, demographics: { Shoes: 38 } }, { email: 'broken' }], {
        ...at,
        act_if_valid: true,
        save_missing_categories: false,
        skip_invalid: true,
      }),
    );
    assert.equal(status, 201);
    assert.equal(body.participant_import_action.participant_import_id, body.participant_import.id);
    const action = await client.ended(body.participant_import_action.id);
    assert.deepEqual([action.status, action.success_count], ['completed', 1]);
    assert.deepEqual([action.save_missing_categories, action.skip_invalid], [false, true]);
    const [{ id: _, ...participant }] = (await client.participants('at once')) as [Json];
    assert.deepEqual(participant, { ...ADA, demographics: {} });
  });

  test('act_if_valid does not apply an import with an invalid row, and the action says why', async () => {
    const sent = importOf([ADA, { email: 'broken' }], { external_event_id: 'with all', act_if_valid: true });
    const { body } = await client.create(sent);
    const { status, errors } = await client.ended(body.participant_import_action.id);
    assert.equal(status, 'failed');
    assert.deepEqual(errors, [{ index: 1, message: 'must match format "email"', field: 'email' }]);
    assert.deepEqual(await client.participants('with all'), []);
  });

  test('rows of many jobs keep their order', async () => {
    const rows = Array.from({ length: 2503 }, (_, n) => ({
      external_id: `m${n}`,
      first_name: 'x'.repeat(100),
    }));
    const { status, body } = await client.create(importOf(rows));
    assert.equal(status, 201);
    const { id, row_count, valid_count } = body.participant_import;
    assert.deepEqual([row_count, valid_count], [2503, 2503]);
    const { rows: parsed } = (await client.get(`${IMPORTS}/${id}/parser`)).body;
    assert.deepEqual(
      parsed.map(({ index, participant }: Json) => [index, participant.external_id]),
      rows.map(({ external_id }, index) => [index, external_id]),
    );
  });

  const REFUSED: [string, unknown, number, RegExp, string?][] = [
    ['is empty', '', 400, /unexpected end of body/],
    ['is not JSON', '{"external_event_id":77,"participants":[{}', 400, /unexpected end of body/],
    ['has a broken row', '{"external_event_id":77,"participants":[{"email":1.}]}', 400, /not valid JSON/],
    ['is an array', [ADA], 400, /not a JSON object/],
    ['has no participants', { external_event_id: 77 }, 422, /^participants is required$/, 'participants'],
    [
      'has participants that are no array',
      { external_event_id: 77, participants: {} },
      422,
      /^participants must be an array$/,
      'participants',
    ],
    [
      'has null participants',
      { external_event_id: 77, participants: null },
      422,
      /must be an array/,
      'participants',
    ],
    [
      'wraps no participants',
      { participant_import: { external_event_id: 77 } },
      422,
      /is required/,
      'participants',
    ],
    ['wraps something else', { participant_import: [] }, 422, /participants is required/, 'participants'],
    [
      'has no external_event_id',
      { participants: [ADA] },
      422,
      /^external_event_id is required$/,
      'external_event_id',
    ],
    [
      'has a null external_event_id',
      importOf([ADA], { external_event_id: null }),
      422,
      /^external_event_id must be/,
      'external_event_id',
    ],
    [
      'has an external_event_id that is no id',
      importOf([ADA], { external_event_id: 1.5 }),
      422,
      /^external_event_id must be/,
      'external_event_id',
    ],
    [
      'has U+0000 in its external_event_id',
      importOf([ADA], { external_event_id: 'a\0' }),
      422,
      /U\+0000/,
      'external_event_id',
    ],
    [
      'has an option that is no boolean',
      importOf([ADA], { skip_invalid: 'true' }),
      422,
      /^skip_invalid must be boolean$/,
      'skip_invalid',
    ],
    [
      'has a member that is not known',
      importOf([ADA], { skip_invalids: true }),
      422,
      /^skip_invalids is not known$/,
      'skip_invalids',
    ],
    [
      'has both forms',
      { ...importOf([ADA]), participant_import: {} },
      422,
      /^participant_import is not known$/,
      'participant_import',
    ],
    [
      'has 100,001 rows',
      `{"external_event_id":77,"participants":[${'0,'.repeat(100_000)}0]}`,
      422,
      /at most 100000 rows/,
      'participants',
    ],
    ['names no event', importOf([ADA], { external_event_id: 'none' }), 404, /no event/, 'external_event_id'],
  ];
  for (const [what, body, status, message, field] of REFUSED)
    test(`a body that ${what} is ${status}, and nothing is stored`, async () => {
      const before = [await storedRows(system.pool), await redjadeRows()];
      const answer = await client.post(IMPORTS, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
      assert.deepEqual(Object.keys(answer.body), ['errors']);
      assert.match(answer.body.errors[0].message, message);
      assert.equal(answer.body.errors[0].field, field);
      assert.deepEqual([await storedRows(system.pool), await redjadeRows()], before);
    });
});

test('a row that is too long to be valid is not parsed, because that would block the event loop', async (t) => {
  const parse = t.mock.method(JSON, 'parse');
  const row = `{"external_id":"A-1","first_name":"${'x'.repeat(300_000)}"}`;
  const { status, body } = await client.post(IMPORTS, `{"external_event_id":77,"participants":[${row}]}`);
  const lengths = parse.mock.calls.map(({ arguments: [text] }) => String(text).length);
  assert.deepEqual([status, body.participant_import.invalid_count], [201, 1]);
  assert.ok(Math.max(...lengths) < 300_000);
});

async function redjadeRows(): Promise<number> {
  const { rows } = await system.pool.query(
    `select (select count(*) from redjade.import_row) + (select count(*) from redjade.participant_import)
       + (select count(*) from redjade.upload) as count`,
  );
  return rows[0].count;
}
