/** What a client reads of an import: the index, the parser report, the export, the lookup. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { ACTIONS, addEvent, clientOf, IMPORTS, parsedImport } from './client.ts';

const system = await startSystem({ after });
const client = clientOf(system);
await addEvent(client, { id: 4, externalEventId: '77' });

describe('reading an import', () => {
  test('the parser report says how each row was understood', async () => {
    const { id, ids } = await parsedImport(client, 'report');
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

  test('long rows are read in several groups, and kept exactly as they were sent', async () => {
    const long = (n: number) =>
      `{"email":"x","note":[1.50,12345678901234567890,"${`${n}`.repeat(200_000)}"]}`;
    const rows = Array.from({ length: 50 }, (_, n) => long(n % 10));
    const answer = await client.post(IMPORTS, `{"external_event_id":77,"participants":[${rows.join(',')}]}`);
    assert.equal(answer.status, 201);
    const { id } = answer.body.participant_import;
    const response = await fetch(`${system.url}${IMPORTS}/${id}/parser`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    const text = await response.text();
    assert.deepEqual(
      [...text.matchAll(/"participant":(\{.*?\})\}/g)].map(([, participant]) => participant),
      rows,
    );
    assert.equal((await client.get(`${IMPORTS}/${id}/export`)).body.split('\r\n').length, 52);
  });

  test('the export is the payload as CSV, exactly as it was sent', async () => {
    const { id } = await parsedImport(client, 'export');
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
      const { body } = await client.create({
        external_event_id: 'index',
        participants: [{ external_id: `${n}` }],
      });
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
    const { id } = await parsedImport(client, 'deleted');
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

  test('the index of an event whose name cannot be stored is not found', async () => {
    const { status, body } = await client.get(`${IMPORTS}?external_event_id=%00`);
    assert.deepEqual([status, body.errors[0].field], [404, 'external_event_id']);
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
