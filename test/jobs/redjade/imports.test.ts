/** `/v1/participant_imports`, the first step, as a client sees it. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import type { Json } from '../../support/json.ts';
import { startSystem } from '../../support/system.ts';
import { ACTIONS, addEvent, clientOf, IMPORTS, keyOf } from './client.ts';

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

async function redjadeRows(): Promise<number> {
  const { rows } = await system.pool.query(
    `select (select count(*) from redjade.import_row) + (select count(*) from redjade.participant_import)
       + (select count(*) from redjade.upload) as count`,
  );
  return rows[0].count;
}

/** An event with two participants, and an import with a row of every kind. */
async function parsedImport(externalEventId: string): Promise<{ id: number; ids: Map<string, number> }> {
  await addEvent(client, { externalEventId });
  const at = { external_event_id: externalEventId };
  const seed = [{ external_id: 'a', email: 'a@example.com' }, { email: 'b@example.com' }];
  const { body } = await client.create(importOf(seed, { ...at, act_if_valid: true }));
  await client.ended(body.participant_import_action.id);
  const ids = new Map(
    (await client.participants(externalEventId)).map(({ id, external_id, email }) => [
      external_id ?? email,
      id,
    ]),
  );
  const rows = [
    { external_id: 'new', demographics: { 'Eye color': 'green', 'Brand new': true } },
    { external_id: 'a', first_name: 'Quote " and, comma' },
    { email: 'B@example.com', last_name: 'New\u00a0line' },
    { external_id: 'a', last_name: '=1+1' },
    { external_id: 'a', email: 'b@example.com' },
    { external_id: '', email: 5, demographics: { 'Eye color': [1, 'x'] } },
    'no object',
  ];
  const { body: created } = await client.create(importOf(rows, at));
  return { id: created.participant_import.id, ids };
}

describe('reading an import', () => {
  test('the parser report says how each row was understood', async () => {
    const { id, ids } = await parsedImport('report');
    const { status, body } = await client.get(`${IMPORTS}/${id}/parser`);
    assert.equal(status, 200);
    const { rows, parsed_at: _, ...head } = body;
    assert.deepEqual(head, {
      participant_import_id: id,
      external_event_id: 'report',
      row_count: 7,
      valid_count: 4,
      invalid_count: 3,
      matched_count: 3,
      duplicate_count: 1,
      missing_categories: ['Brand new', 'Eye color'],
      start: 0,
      count: 7,
    });
    const a = { participant_id: ids.get('a'), by: 'external_id' };
    const b = { participant_id: ids.get('b@example.com'), by: 'email' };
    const valid = { status: 'valid', errors: [], match: null, duplicate_of: null };
    const invalid = { status: 'invalid', match: null, duplicate_of: null };
    assert.deepEqual(rows.slice(0, 5), [
      {
        index: 0,
        ...valid,
        participant: { external_id: 'new', demographics: { 'Brand new': true, 'Eye color': 'green' } },
      },
      { index: 1, ...valid, match: a, participant: { external_id: 'a', first_name: 'Quote " and, comma' } },
      { index: 2, ...valid, match: b, participant: { email: 'B@example.com', last_name: 'New\u00a0line' } },
      { index: 3, ...valid, match: a, duplicate_of: 1, participant: { external_id: 'a', last_name: '=1+1' } },
      {
        index: 4,
        ...invalid,
        match: a,
        errors: [
          {
            message: `belongs to participant ${b.participant_id}, and the external_id to participant ${a.participant_id}`,
            field: 'email',
          },
        ],
        participant: { external_id: 'a', email: 'b@example.com' },
      },
    ]);
    assert.deepEqual(
      rows[5].errors.map(({ field }: Json) => field),
      ['external_id', 'email', 'demographics.Eye color'],
    );
    assert.deepEqual(rows[5].participant, {
      external_id: '',
      email: 5,
      demographics: { 'Eye color': [1, 'x'] },
    });
    assert.deepEqual(rows[6], {
      index: 6,
      ...invalid,
      errors: [{ message: 'must be object' }],
      participant: 'no object',
    });

    const page = (await client.get(`${IMPORTS}/${id}/parser?start=5&perPage=10`)).body;
    assert.deepEqual([page.start, page.count, page.rows], [5, 2, rows.slice(5)]);
    const beyond = (await client.get(`${IMPORTS}/${id}/parser?start=7`)).body;
    assert.deepEqual([beyond.count, beyond.rows], [0, []]);
  });

  test('the export is the payload as CSV, exactly as it was sent', async () => {
    const { id } = await parsedImport('export');
    const { status, headers, body } = await client.get(`${IMPORTS}/${id}/export`);
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
    assert.equal(headers.get('content-disposition'), `attachment; filename=participant_import_${id}.csv`);
    assert.equal(
      body,
      [
        'external_id,email,first_name,last_name,locale,demographics.Brand new,demographics.Eye color',
        'new,,,,,true,green',
        'a,,"Quote "" and, comma",,,,',
        ',B@example.com,,New\u00a0line,,,',
        'a,,,=1+1,,,',
        'a,b@example.com,,,,,',
        '"",5,,,,,"[1,""x""]"',
        ',,,,,,',
        '',
      ].join('\r\n'),
    );
  });

  test('the lookup has the columns of a row with their schemas', async () => {
    const { status, body } = await client.get(`${IMPORTS}/lookup`);
    assert.equal(status, 200);
    assert.deepEqual(
      body.columns.map(({ name }: Json) => name),
      ['external_id', 'email', 'first_name', 'last_name', 'locale', 'demographics'],
    );
    for (const { description, schema } of body.columns) assert.ok(description && schema.type);
    assert.deepEqual(
      Object.keys(body.schema.properties),
      body.columns.map(({ name }: Json) => name),
    );
    assert.equal(Object.keys(body.options).length, 6);
  });

  test('the index has the imports of an event, in pages', async () => {
    await addEvent(client, { externalEventId: 'index' });
    const ids: number[] = [];
    for (const n of [1, 2, 3]) {
      const { body } = await client.create(
        importOf([{ external_id: `${n}` }], { external_event_id: 'index' }),
      );
      ids.push(body.participant_import.id);
    }
    const { status, body } = await client.get(`${IMPORTS}?external_event_id=index`);
    assert.equal(status, 200);
    assert.deepEqual(
      body.participant_imports.map(({ id }: Json) => id),
      ids,
    );
    assert.deepEqual(body.meta, { totalResults: 3, start: 0, perPage: 1000, count: 3 });
    const page = (await client.get(`${IMPORTS}?external_event_id=index&start=1&perPage=1`)).body;
    assert.deepEqual(
      page.participant_imports.map(({ id }: Json) => id),
      [ids[1]],
    );
    assert.deepEqual(page.meta, { totalResults: 3, start: 1, perPage: 1, count: 1 });
  });

  test('a deleted import is gone with its rows and actions, and its participants stay', async () => {
    const { id } = await parsedImport('deleted');
    const actions = async () => (await client.get(`${ACTIONS}?participant_import_id=${id}`)).status;
    assert.equal(await actions(), 200);
    const answer = await client.delete(`${IMPORTS}/${id}`);
    assert.deepEqual([answer.status, answer.body], [204, '']);
    for (const path of ['', '/parser', '/export'])
      assert.equal((await client.get(`${IMPORTS}/${id}${path}`)).status, 404, path);
    assert.equal((await client.delete(`${IMPORTS}/${id}`)).status, 404);
    assert.equal(await actions(), 404);
    assert.equal((await client.participants('deleted')).length, 2);
  });

  for (const [query, message] of [
    ['', 'external_event_id is required'],
    ['?external_event_id=', 'external_event_id is required'],
    ['?external_event_id=77&external_event_id=78', 'external_event_id must be given once'],
    ['?external_event_id=77&start=-1', 'start must be a whole number of at least 0'],
    ['?external_event_id=77&perPage=0', 'perPage must be a whole number of at least 1'],
    ['?external_event_id=77&perPage=1e3', 'perPage must be a whole number of at least 1'],
    ['?external_event_id=77&page=1', 'page is not known'],
  ] as const)
    test(`the index with the query "${query}" is refused`, async () => {
      const { status, body } = await client.get(`${IMPORTS}${query}`);
      assert.deepEqual([status, body.errors[0].message], [422, message]);
    });
});

describe('who may do what', () => {
  test('another tenant does not find an import, its actions or its event', async () => {
    const { id } = await parsedImport('private');
    const { body } = await client.post(ACTIONS, { participant_import_id: id, skip_invalid: true });
    const actionId = body.participant_import_action.id;
    await client.ended(actionId);
    const other = clientOf(system, await keyOf(system, 'other'));
    for (const answer of [
      await other.create(importOf([ADA], { external_event_id: 'private' })),
      await other.get(`${IMPORTS}?external_event_id=private`),
      await other.get(`${IMPORTS}/${id}`),
      await other.get(`${IMPORTS}/${id}/parser`),
      await other.get(`${IMPORTS}/${id}/export`),
      await other.delete(`${IMPORTS}/${id}`),
      await other.post(ACTIONS, { participant_import_id: id }),
      await other.get(`${ACTIONS}?participant_import_id=${id}`),
      await other.get(`${ACTIONS}/${actionId}`),
    ]) {
      assert.equal(answer.status, 404);
      assert.match(answer.body.errors[0].message, /^There is no /);
    }
    assert.equal((await client.get(`${IMPORTS}/${id}`)).status, 200);
  });

  test('a key needs the permissions of the actions, and reads with any of them', async () => {
    const { id } = await parsedImport('permissions');
    const sent = importOf([ADA], { external_event_id: 'permissions' });
    const clientWith = async (...permissions: string[]) =>
      clientOf(system, await keyOf(system, 'default', permissions));

    const creator = await clientWith('redjade.createImport');
    assert.equal((await creator.create(sent)).status, 201);
    assert.equal((await creator.get(`${IMPORTS}/${id}`)).status, 200);
    const refused = await creator.create({ ...sent, act_if_valid: true });
    assert.deepEqual(
      [refused.status, refused.body],
      [403, { errors: [{ message: 'The API key lacks redjade.applyImport' }] }],
    );
    assert.equal((await creator.post(ACTIONS, { participant_import_id: id })).status, 403);
    assert.equal((await creator.delete(`${IMPORTS}/${id}`)).status, 403);

    const applier = await clientWith('redjade.applyImport');
    assert.equal((await applier.create(sent)).status, 403);
    const { status, body } = await applier.post(ACTIONS, { participant_import_id: id, skip_invalid: true });
    assert.equal(status, 201);
    await applier.ended(body.participant_import_action.id);

    const stranger = await clientWith('event.*', 'redjad.*');
    for (const path of [`${IMPORTS}/${id}`, `${IMPORTS}/lookup`, `${IMPORTS}?external_event_id=permissions`])
      assert.equal((await stranger.get(path)).status, 403);
    assert.equal((await stranger.get(`${ACTIONS}?participant_import_id=${id}`)).status, 403);
  });

  test('errors of Batchwright itself have the shape of these routes too', async () => {
    const shape = async (path: string, init: RequestInit, status: number) => {
      const answer = await system.request(path, init);
      assert.equal(answer.status, status, path);
      assert.deepEqual(Object.keys(answer.body), ['errors'], path);
      assert.equal(typeof answer.body.errors[0].message, 'string');
      return answer;
    };
    await shape(IMPORTS, { headers: { authorization: 'Bearer nobody' } }, 401);
    await shape(`${IMPORTS}/1/nothing`, {}, 404);
    await shape(`${IMPORTS}/none`, {}, 404);
    await shape(`${IMPORTS}/99999999999999999999`, {}, 404);
    const { headers } = await shape(IMPORTS, { method: 'PUT', body: '{}' }, 405);
    assert.equal(headers.get('allow'), 'POST, GET, HEAD');
    await shape(ACTIONS, { method: 'DELETE' }, 405);
  });
});
