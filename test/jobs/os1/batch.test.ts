/** OS1's requests with JSON: what is documented, taken literally, and each rule broken. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { os1Client, read } from './client.ts';

const system = await startSystem({ after });
const os1 = os1Client(system);
const get = (id: string) => read(system, 'getParticipant', { id });
const UNKNOWN = 'd208e2b0-ab66-5738-8916-0d5271ec02a0';

/** Creates participants of a type, and returns their ids. */
async function create(types: string, ...payload: object[]): Promise<string[]> {
  const { status, successDetails } = await os1.create(types, payload);
  assert.equal(status, 'success');
  return successDetails.map(({ id }) => id);
}

test('the documented request creates a car, and its status has the id', async () => {
  const item = {
    uniqueCode: 'QK6A-JI6S-7ETR',
    name: 'car1',
    owner: 'worldlogistics',
    properties: { color: 'red' },
  };
  const body = { payload: [item] };
  const answer = await os1.send('POST', '/cars/batch', JSON.stringify(body));
  const { batchId } = answer.body.data;
  assert.equal(answer.status, 202);
  assert.match(batchId, /^[0-9a-f]{32}$/);
  assert.deepEqual(answer.body, {
    data: { batchId },
    request: { uri: '/core/api/v2/participants/cars/batch', method: 'POST', queryString: '', body },
  });
  assert.equal(answer.headers.get('x-coreos-request-id'), 'request 1');

  const status = await os1.ended('cars', batchId);
  const [{ id = '' } = {}] = status.successDetails;
  assert.match(id, /^car:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.deepEqual(status, {
    id: batchId,
    status: 'success',
    successCount: 1,
    failureCount: 0,
    totalCount: 1,
    successDetails: [{ uniqueCode: 'QK6A-JI6S-7ETR', id }],
    failureDetails: [],
  });
  const { createdAt, updatedAt, ...stored } = await get(id);
  assert.deepEqual(stored, { id, type: 'car', ...item });
  assert.equal(createdAt, updatedAt);
});

for (const method of ['PATCH', 'PUT'])
  test(`the documented ${method} changes one property and keeps the others`, async () => {
    const uniqueCode = `merged by ${method}`;
    const [id = ''] = await create('cars', { uniqueCode, properties: { color: 'red', doors: 5 } });
    const answer = await os1.sendJson(method, 'cars', [{ id, properties: { color: 'blue' } }]);
    assert.equal(answer.status, 202);
    assert.equal(answer.body.request.method, method);
    const { status, successDetails } = await os1.ended('cars', answer.body.data.batchId);
    assert.deepEqual([status, successDetails], ['success', [{ uniqueCode, id }]]);
    assert.deepEqual((await get(id)).properties, { color: 'blue', doors: 5 });
  });

describe('creating', () => {
  test('a number of any size in place of the properties is told as such', async () => {
    const body = '{"payload":[{"uniqueCode":"number","properties":1e400}]}';
    const answer = await os1.send('POST', '/vans/batch', body);
    const { failureDetails } = await os1.ended('vans', answer.body.data.batchId);
    assert.equal(failureDetails[0].errors[0].message, 'properties must be object or null');
  });

  test('a wrong item is a failed item with its reasons, and its neighbours are created', async () => {
    await create('vans', { uniqueCode: 'taken' });
    const long = 'x'.repeat(201);
    const { status, successDetails, failureDetails, ...counts } = await os1.create('vans', [
      { uniqueCode: 'first' },
      1,
      null,
      [],
      {},
      { uniqueCode: 7 },
      { uniqueCode: '' },
      { uniqueCode: long },
      { uniqueCode: 'two\nlines' },
      { uniqueCode: 'more', colour: 'red', nmae: 1 },
      { uniqueCode: 'named', name: 'nul \0', owner: 7 },
      { uniqueCode: 'listed', properties: ['red'] },
      { uniqueCode: 'large', properties: { text: 'x'.repeat(256 * 1024) } },
      { uniqueCode: 'taken' },
      { uniqueCode: 'first', name: 'again' },
      { uniqueCode: 'last', name: null, owner: null, properties: null },
    ]);
    assert.deepEqual(counts, { id: counts.id, successCount: 2, failureCount: 14, totalCount: 16 });
    assert.equal(status, 'partial success');
    assert.deepEqual(
      successDetails.map(({ uniqueCode }) => uniqueCode),
      ['first', 'last'],
    );
    const invalid = (index: number, uniqueCode: string | null, ...messages: string[]) => ({
      uniqueCode,
      index,
      errors: messages.map((message) => ({ message, code: 'INVALID' })),
    });
    const duplicate = (index: number, uniqueCode: string) => ({
      uniqueCode,
      index,
      errors: [{ message: `There is already a van with the uniqueCode "${uniqueCode}"`, code: 'DUPLICATE' }],
    });
    assert.deepEqual(failureDetails, [
      invalid(1, null, 'the item must be object'),
      invalid(2, null, 'the item must be object'),
      invalid(3, null, 'the item must be object'),
      invalid(4, null, 'uniqueCode is required'),
      invalid(5, null, 'uniqueCode must be string'),
      invalid(6, '', 'uniqueCode must NOT have fewer than 1 characters'),
      invalid(7, long, 'uniqueCode must NOT have more than 200 characters'),
      invalid(
        8,
        'two\nlines',
        'uniqueCode must be one line of text without control characters or half of a surrogate pair',
      ),
      invalid(9, 'more', 'colour is not known', 'nmae is not known'),
      invalid(
        10,
        'named',
        'name must not contain U+0000 or half of a surrogate pair',
        'owner must be string or null',
      ),
      invalid(11, 'listed', 'properties must be object or null'),
      {
        uniqueCode: 'large',
        index: 12,
        errors: [{ message: 'properties have more than 262144 bytes', code: 'TOO_LARGE' }],
      },
      duplicate(13, 'taken'),
      duplicate(14, 'first'),
    ]);
    const last = await get(successDetails[1]?.id ?? '');
    assert.deepEqual([last.name, last.owner, last.properties], [null, null, {}]);
    assert.equal((await get(successDetails[0]?.id ?? '')).name, null);
  });

  test('a batch without any success has failed', async () => {
    const { status, successCount, failureCount } = await os1.create('vans', [{}, {}]);
    assert.deepEqual([status, successCount, failureCount], ['failed', 0, 2]);
  });

  test('a uniqueCode belongs to one participant of each type', async () => {
    await create('bikes', { uniqueCode: 'shared' });
    const [id = ''] = await create('buses', { uniqueCode: 'shared' });
    assert.match(id, /^bus:/);
  });
});

describe('updating', () => {
  test('an unknown id, or one of another type, is a failed item, and its neighbours are updated', async () => {
    const [car = ''] = await create('cars', { uniqueCode: 'updated', name: 'a', owner: 'b' });
    const [truck = ''] = await create('trucks', { uniqueCode: 'updated' });
    const uuid = truck.slice('truck:'.length);
    const { status, successDetails, failureDetails } = await os1.update('cars', [
      { id: car, name: null },
      { id: `car:${UNKNOWN}`, properties: { color: 'blue' } },
      { id: truck, name: 'no car' },
      { id: `car:${uuid}`, name: 'no car' },
      { id: 'car:1' },
      { id: 'car' },
      {},
      { id: car, uniqueCode: 'other' },
      { id: car, properties: 'none' },
      { id: car, properties: { text: 'x'.repeat(256 * 1024) } },
      { id: car.toUpperCase().replace('CAR', 'car'), owner: 'c', properties: { color: 'blue' } },
    ]);
    assert.equal(status, 'partial success');
    const uniqueCode = 'updated';
    assert.deepEqual(successDetails, [
      { uniqueCode, id: car },
      { uniqueCode, id: car },
    ]);
    const unknown = (id: string) => [id, 'NOT_FOUND', `There is no participant with the id "${id}"`];
    assert.deepEqual(
      failureDetails.map(({ id, errors: [{ code, message }] }) => [id, code, message]),
      [
        unknown(`car:${UNKNOWN}`),
        [truck, 'WRONG_TYPE', `The id "${truck}" is not one of the type car`],
        unknown(`car:${uuid}`),
        unknown('car:1'),
        unknown('car'),
        [undefined, 'INVALID', 'id is required'],
        [car, 'INVALID', 'uniqueCode is not known'],
        [car, 'INVALID', 'properties must be object or null'],
        [car, 'TOO_LARGE', 'properties have more than 262144 bytes'],
      ],
    );
    assert.deepEqual(failureDetails.map(({ index }) => index).slice(0, 2), [1, 2]);
    const { name, owner, properties } = await get(car);
    assert.deepEqual([name, owner, properties], [null, 'c', { color: 'blue' }]);
    assert.equal((await get(truck)).name, null);
  });

  test('several changes of one participant are applied in the order of the batch', async () => {
    const [id = ''] = await create('cars', { uniqueCode: 'several', properties: { n: 0, kept: true } });
    const changes = Array.from({ length: 20 }, (_, n) => ({ id, properties: { n, [`p${n}`]: n } }));
    assert.equal((await os1.update('cars', changes)).successCount, 20);
    const { properties } = await get(id);
    assert.deepEqual([properties.n, properties.kept, Object.keys(properties).length], [19, true, 22]);
  });

  test('properties that grow beyond 256 KiB fail the change, and stay as they were', async () => {
    const text = 'x'.repeat(150 * 1024);
    const [id = ''] = await create('cars', { uniqueCode: 'growing', properties: { first: text } });
    const { failureDetails } = await os1.update('cars', [{ id, properties: { second: text } }]);
    assert.deepEqual(failureDetails[0].errors, [
      { message: 'properties would have more than 262144 bytes', code: 'TOO_LARGE' },
    ]);
    assert.deepEqual(Object.keys((await get(id)).properties), ['first']);
  });

  test('a participant of another tenant is unknown', async () => {
    const [id = ''] = await create('cars', { uniqueCode: 'ours' });
    const made = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['os1.*'] }),
    });
    const other = os1Client(system, { 'x-coreos-access': made.body.key, 'x-coreos-tid': 'other' });
    const { failureDetails } = await other.update('cars', [{ id, name: 'theirs' }]);
    assert.equal(failureDetails[0].errors[0].code, 'NOT_FOUND');
    assert.equal((await other.create('cars', [{ uniqueCode: 'ours' }])).status, 'success');
    assert.equal((await get(id)).name, null);
  });
});

describe('properties', () => {
  const ODD =
    '{"__proto__":{"a":1},"constructor":null,"":"","nul\\u0000":"\\u0000","half":"\\ud800",' +
    '"big":12345678901234567890,"precise":0.1234567890123456789,"huge":1e400,"tiny":-1E-400,' +
    '"list":[1,[2,{"deep":[null,true]}]],"text":"\\"ü😀"}';

  /** The JSON text of the stored properties. */
  async function textOf(id: string): Promise<string> {
    const response = await fetch(`${system.url}/api/1.0/os1?action=getParticipant`, {
      method: 'POST',
      headers: { authorization: 'Bearer the-admin-key-of-the-tests' },
      body: JSON.stringify({ id }),
    });
    return (await response.text()).replace(/^.*"properties":/, '').replace(/,"createdAt".*$/, '');
  }

  test('properties of every kind of JSON are stored and read back unchanged', async () => {
    const answer = await os1.send(
      'POST',
      '/cars/batch',
      `{"payload":[{"uniqueCode":"odd","properties":${ODD}}]}`,
    );
    const { successDetails } = await os1.ended('cars', answer.body.data.batchId);
    const id = successDetails[0]?.id ?? '';
    assert.equal(await textOf(id), ODD);

    const change = await os1.send(
      'PATCH',
      '/cars/batch',
      `{"payload":[{"id":"${id}","properties":{"big":98765432109876543210,"text":"new"}}]}`,
    );
    assert.equal((await os1.ended('cars', change.body.data.batchId)).status, 'success');
    assert.equal(
      await textOf(id),
      ODD.replace('12345678901234567890', '98765432109876543210').replace('"\\"ü😀"', '"new"'),
    );
  });

  test('propertiesJson that is not the text of an object, or comes with properties, fails the job', async () => {
    const job = (propertiesJson: string, more: object = {}) => ({
      namespace: 'os1',
      action: 'createParticipant',
      params: { type: 'car', participant: { uniqueCode: 'by text', ...more }, propertiesJson },
    });
    const deep = `{"a":${'['.repeat(500)}${']'.repeat(500)}}`;
    const wrong = [
      '[1]',
      '{',
      '{"a":"\ud800"}',
      deep,
      deep.replaceAll('[', '['.repeat(100)).replaceAll(']', ']'.repeat(100)),
    ];
    const asyncId = await system.run([...wrong.map((text) => job(text)), job('{}', { properties: {} })]);
    await system.ended(asyncId);
    assert.deepEqual(
      (await system.results(asyncId)).map(({ response }) => response.message),
      [
        ...wrong.map(
          () =>
            'propertiesJson must be the JSON text of an object, nested at most 500 levels deep, without half of a surrogate pair',
        ),
        'properties and propertiesJson must not be given together',
      ],
    );
  });
});

test('the participants of a type are listed by uniqueCode, page by page', async () => {
  await create('ships', ...['b', 'a', 'C', 'd', 'e'].map((uniqueCode) => ({ uniqueCode })));
  const codes: string[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = await read(system, 'listParticipants', { type: 'ship', limit: 2, ...(after && { after }) });
    codes.push(...page.participants.map(({ uniqueCode }: { uniqueCode: string }) => uniqueCode));
    after = page.next;
  }
  assert.deepEqual(codes, ['C', 'a', 'b', 'd', 'e']);
});

test('a list of large participants has as many as fit into a response', async () => {
  const properties = { text: 'x'.repeat(250 * 1024) };
  await create('tankers', ...[1, 2, 3, 4].map((n) => ({ uniqueCode: `${n}`, properties })));
  const first = await read(system, 'listParticipants', { type: 'tanker' });
  assert.deepEqual([first.participants.length, first.next], [3, '3']);
  const second = await read(system, 'listParticipants', { type: 'tanker', after: '3' });
  assert.deepEqual([second.participants.length, second.next], [1, null]);
});

test('a participant that is not there is 404', async () => {
  await assert.rejects(get(`car:${UNKNOWN}`), /"errorCode":404/);
});
