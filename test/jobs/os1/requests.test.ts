/** The envelopes, headers, errors, status and callback of OS1's routes. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { storedRows } from '../../http/stored-rows.ts';
import { startReceiver } from '../../pipeline/deliver/deliver-receiver.ts';
import { callbackSecret } from '../../pipeline/deliver/deliver-support.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { os1Client } from './client.ts';

const env = { SECRET_KEY: 'a key for the secrets of this test', RATE_LIMIT: '2000' };
const system = await startSystem({ after }, { env });
const os1 = os1Client(system);
const URI = '/core/api/v2/participants';
const UNKNOWN = 'e35e06ee592d17a42dc9e6252a058617';

async function clientWith(permissions: string[], tenant = 'default') {
  const { body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'os1', tenant, permissions }),
  });
  return os1Client(system, { authorization: '', 'x-coreos-access': body.key, 'x-coreos-tid': tenant });
}

/** The envelope of an error. */
function envelope(code: string, description: string, request: object, additionalInfo: string[] = []) {
  return {
    error: { code, description, additionalInfo },
    request: { queryString: '', body: null, ...request },
  };
}

describe('authentication', () => {
  const description = 'X-COREOS-ACCESS must be a valid API key, and X-COREOS-TID its tenant';
  const wrong: Record<string, Record<string, string>> = {
    'no headers': {},
    'no tenant': { 'x-coreos-access': ADMIN_KEY },
    'no key': { 'x-coreos-tid': 'default' },
    'a wrong key': { 'x-coreos-access': 'bw_wrong', 'x-coreos-tid': 'default' },
    "another key's tenant": { 'x-coreos-access': ADMIN_KEY, 'x-coreos-tid': 'other' },
    'our own header instead': { authorization: `Bearer ${ADMIN_KEY}`, 'x-coreos-tid': 'default' },
  };
  for (const [what, headers] of Object.entries(wrong))
    test(`a request with ${what} is 401 in OS1's envelope, with its request id`, async () => {
      const client = os1Client(system, { authorization: '', 'x-coreos-request-id': 'id 7', ...headers });
      const answer = await client.sendJson('POST', 'cars', [{ uniqueCode: 'x' }]);
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('x-coreos-request-id'), 'id 7');
      assert.deepEqual(
        answer.body,
        envelope('UNAUTHORIZED', description, { uri: `${URI}/cars/batch`, method: 'POST' }),
      );
    });

  test('a key needs the permission of the action, and only of it', async () => {
    const client = await clientWith(['os1.createParticipant']);
    assert.equal((await client.create('cars', [{ uniqueCode: 'permitted' }])).status, 'success');
    const rows = await storedRows(system.pool);
    for (const method of ['PATCH', 'PUT']) {
      const { status, body } = await client.sendJson(method, 'cars', [{ id: 'x' }]);
      assert.deepEqual([status, body.error.code], [403, 'FORBIDDEN']);
      assert.match(body.error.additionalInfo.join(), /os1\.updateParticipant/);
    }
    assert.equal((await client.sendCsv('PATCH', 'cars', 'id\nx\n')).status, 403);
    assert.deepEqual(await storedRows(system.pool), rows);
  });

  test('a token with Bearer before it is accepted', async () => {
    const headers = {
      authorization: '',
      'x-coreos-access': `Bearer ${ADMIN_KEY}`,
      'x-coreos-tid': 'default',
    };
    const { status } = await os1Client(system, headers).create('cars', [{ uniqueCode: 'bearer' }]);
    assert.equal(status, 'success');
  });
});

describe('requests that are refused as a whole', () => {
  const callback = 'callback must be like {"url":"https://example.com/hook"}';
  for (const [what, text, description] of [
    ['no body', '', /unexpected end of body/],
    ['half of a body', '{"payload":[{"uniqueCode":"a"}', /unexpected end of body/],
    ['an array', '[]', /the body is not a JSON object/],
    ['an item that is not JSON', '{"payload":[{"uniqueCode":"a"},{"uniqueCode":01}]}', /payload\[1\]/],
    ['no payload', '{}', /^payload must be an array of participants$/],
    ['a payload that is no array', '{"payload":{}}', /^payload must be an array of participants$/],
    ['an empty payload', '{"payload":[]}', /^payload must not be empty$/],
    [
      'an unknown member',
      '{"payload":[{"uniqueCode":"a"}],"callbak":{}}',
      /^callbak is not known: members are payload and callback$/,
    ],
    ['a text as callback', '{"payload":[{"uniqueCode":"a"}],"callback":"https://example.com"}', callback],
    ['a callback without url', '{"callback":{},"payload":[{"uniqueCode":"a"}]}', callback],
    [
      'an unknown member of the callback',
      '{"callback":{"url":"https://example.com","secret":1},"payload":[{"uniqueCode":"a"}]}',
      'callback.secret is not known',
    ],
    [
      'a callback to a private address',
      '{"payload":[{"uniqueCode":"a"}],"callback":{"url":"http://10.0.0.1/"}}',
      /callback/,
    ],
    [
      'an item that is nested too deeply',
      `{"payload":[{"uniqueCode":"a","properties":{"a":${'['.repeat(500)}${']'.repeat(500)}}}]}`,
      /500/,
    ],
  ] as const)
    test(`a body with ${what} is 400, and nothing is stored`, async () => {
      const rows = await storedRows(system.pool);
      const { status, body } = await os1.send('POST', '/cars/batch', text);
      assert.deepEqual([status, body.error.code], [400, 'BAD_REQUEST']);
      if (typeof description === 'string') assert.equal(body.error.description, description);
      else assert.match(body.error.description, description);
      assert.deepEqual(await storedRows(system.pool), rows);
    });

  test('a wrong participant type is 400', async () => {
    for (const types of ['1cars', 'c%C3%A4rs', 'c.r', 'x'.repeat(64), '%20']) {
      const { status } = await os1.sendJson('POST', types, [{ uniqueCode: 'a' }]);
      assert.equal(status, 400, types);
    }
  });

  test('a type whose singular is empty or too long is its own singular', async () => {
    for (const types of ['s', `${'x'.repeat(59)}data`]) {
      const { successDetails } = await os1.create(types, [{ uniqueCode: 'a' }]);
      assert.equal(successDetails[0]?.id.split(':')[0], types);
    }
  });

  test('an unknown path is 404, another method 405', async () => {
    for (const path of ['', '/cars', '/cars/batches', '/cars/batch/upload/more']) {
      const { status, body } = await os1.send('POST', path, '{}');
      assert.deepEqual([status, body.error.code, body.request.method], [404, 'NOT_FOUND', 'POST'], path);
    }
    const { status, headers, body } = await os1.send('DELETE', '/cars/batch?a=b');
    assert.deepEqual([status, headers.get('allow')], [405, 'POST, PATCH, PUT']);
    assert.deepEqual(body.request, {
      uri: `${URI}/cars/batch`,
      method: 'DELETE',
      queryString: 'a=b',
      body: null,
    });
    assert.equal(body.error.code, 'METHOD_NOT_ALLOWED');
  });
});

test('a large body is not repeated in the answer, a small one is, whatever comes first', async () => {
  const callback = { url: 'https://example.com/hook' };
  const small = await os1.send(
    'POST',
    '/cars/batch?trace=1',
    JSON.stringify({ callback, payload: [{ uniqueCode: 'small' }] }),
  );
  assert.deepEqual(small.body.request, {
    uri: `${URI}/cars/batch`,
    method: 'POST',
    queryString: 'trace=1',
    body: { payload: [{ uniqueCode: 'small' }], callback },
  });
  const payload = Array.from({ length: 200 }, (_, n) => ({ uniqueCode: `an item of some bytes ${n}` }));
  const large = await os1.sendJson('POST', 'cars', payload);
  assert.deepEqual([large.status, large.body.request.body], [202, null]);
});

test('too many requests are 429 in the envelope, with Retry-After', async () => {
  const limited = await startSystem({ after }, { env: { RATE_LIMIT: '1' } });
  const client = os1Client(limited);
  await client.send('GET', `/cars/batch/${UNKNOWN}`);
  const { status, headers, body } = await client.send('GET', `/cars/batch/${UNKNOWN}`);
  assert.deepEqual([status, body.error.code], [429, 'TOO_MANY_REQUESTS']);
  assert.ok(Number(headers.get('retry-after')) > 0);
  assert.equal(headers.get('x-coreos-request-id'), 'request 1');
});

test('a body and a form that are too large are 413 in the envelope', async () => {
  const narrow = await startSystem({ after }, { worker: false, env: { MAX_BODY_BYTES: '20000' } });
  const client = os1Client(narrow);
  const text = 'x'.repeat(30_000);
  for (const answer of [
    await client.sendJson('POST', 'cars', [{ uniqueCode: 'a', name: text }]),
    await client.sendCsv('POST', 'cars', `uniqueCode,name\na,${text}\n`),
  ])
    assert.deepEqual([answer.status, answer.body.error.code], [413, 'PAYLOAD_TOO_LARGE']);
});

describe('status', () => {
  test('both routes answer the same, with the request in the envelope', async () => {
    const { id } = await os1.create('cars', [{ uniqueCode: 'both' }, {}]);
    const byPath = await os1.send('GET', `/cars/batch/${id}`);
    const byQuery = await os1.send('GET', `/cars/batch/status?batchId=${id}`);
    assert.deepEqual(byPath.body.data, byQuery.body.data);
    assert.equal(byPath.body.data.status, 'partial success');
    assert.match(byPath.headers.get('content-type') ?? '', /^application\/json/);
    assert.deepEqual(byPath.body.request, {
      uri: `${URI}/cars/batch/${id}`,
      method: 'GET',
      queryString: '',
      body: null,
    });
    assert.deepEqual(byQuery.body.request, {
      uri: `${URI}/cars/batch/status`,
      method: 'GET',
      queryString: `batchId=${id}`,
      body: null,
    });
  });

  test('HEAD has no body', async () => {
    const { id } = await os1.create('cars', [{ uniqueCode: 'head' }]);
    const headers = { 'x-coreos-access': ADMIN_KEY, 'x-coreos-tid': 'default' };
    const response = await fetch(`${system.url}${URI}/cars/batch/${id}`, { method: 'HEAD', headers });
    assert.deepEqual([response.status, await response.text()], [200, '']);
  });

  test("an unknown batch, another type's and another tenant's are 404", async () => {
    const { id } = await os1.create('cars', [{ uniqueCode: 'not found' }]);
    const ordinary = await system.run([{ namespace: 'test', action: 'echo', params: {} }]);
    await system.ended(ordinary);
    const other = await clientWith(['os1.*'], 'other');
    for (const [client, types, batchId] of [
      [os1, 'cars', UNKNOWN],
      [os1, 'cars', 'nonsense'],
      [os1, 'trucks', id],
      [os1, 'cars', ordinary],
      [other, 'cars', id],
    ] as const)
      for (const path of [`/${types}/batch/${batchId}`, `/${types}/batch/status?batchId=${batchId}`]) {
        const { status, body } = await client.send('GET', path);
        assert.deepEqual([status, body.error.code], [404, 'NOT_FOUND'], path);
      }
  });

  test('a status without batchId is 400', async () => {
    for (const query of ['', '?batchId=', '?batchId=a&batchId=b']) {
      const { status, body } = await os1.send('GET', `/cars/batch/status${query}`);
      assert.deepEqual([status, body.error.description], [400, 'batchId is required in the query']);
    }
  });
});

describe('callbacks', () => {
  for (const [when, first] of [
    ['before', true],
    ['after', false],
  ] as const)
    test(`a callback ${when} the payload gets the status body, the secret and our signature`, async (t) => {
      const receiver = await startReceiver(t);
      const callback = { url: receiver.url };
      const payload = [{ uniqueCode: `called ${when}` }, { uniqueCode: 7 }, { uniqueCode: `called ${when}` }];
      const body = first ? { callback, payload } : { payload, callback };
      const answer = await os1.send('POST', '/cars/batch', JSON.stringify(body), {
        'x-coreos-callback-secret': 'geheim',
      });
      assert.equal(answer.status, 202);
      const [call] = await receiver.received(1);
      assert.ok(call);
      const status = await os1.status('cars', answer.body.data.batchId);
      assert.equal(status.status, 'partial success');
      assert.deepEqual(JSON.parse(call.body), {
        data: status,
        request: { uri: null, method: null, queryString: null, body: null },
      });
      assert.equal(call.headers['x-coreos-callback-secret'], 'geheim');
      new Webhook(await callbackSecret(system)).verify(call.body, call.headers);
    });

  test('a callback without a secret has no header for it', async (t) => {
    const receiver = await startReceiver(t);
    await os1.sendJson('POST', 'cars', [{ uniqueCode: 'no secret' }], { callback: { url: receiver.url } });
    const [call] = await receiver.received(1);
    assert.equal(call?.headers['x-coreos-callback-secret'], undefined);
    assert.equal(JSON.parse(call?.body ?? '').data.status, 'success');
  });
});

describe('ordinary routes on the same batch', () => {
  test('a batch in progress is cancelled, restarted and then complete, and the callback comes at each end', async (t) => {
    const idle = await startSystem(t, { worker: false });
    const client = os1Client(idle);
    const receiver = await startReceiver(t);
    const payload = [{ uniqueCode: 'a' }, {}, { uniqueCode: 'b' }];
    const answer = await client.sendJson('POST', 'cars', payload, { callback: { url: receiver.url } });
    const { batchId } = answer.body.data;
    const counts = { id: batchId, successCount: 0, totalCount: 3, successDetails: [] };
    assert.deepEqual(await client.status('cars', batchId), {
      ...counts,
      status: 'in progress',
      failureCount: 0,
      failureDetails: [],
    });

    const change = (verb: string) => idle.request(`/v1/batches/${batchId}/${verb}`, { method: 'POST' });
    assert.equal((await change('cancel')).status, 202);
    await idle.addWorker();
    const cancelled = await client.ended('cars', batchId);
    const errors = [{ message: 'The batch was cancelled before this item', code: 'CANCELLED' }];
    assert.deepEqual(cancelled, {
      ...counts,
      status: 'failed',
      failureCount: 3,
      failureDetails: [
        { uniqueCode: 'a', index: 0, errors },
        { uniqueCode: null, index: 1, errors },
        { uniqueCode: 'b', index: 2, errors },
      ],
    });
    const [first] = await receiver.received(1);
    assert.deepEqual(JSON.parse(first?.body ?? '').data, cancelled);

    assert.equal((await change('restart')).status, 202);
    const [, second] = await receiver.received(2);
    const { data } = JSON.parse(second?.body ?? '');
    assert.deepEqual(
      [data.status, data.successCount, data.failureDetails[0].errors[0].code],
      ['partial success', 2, 'INVALID'],
    );
    await waitFor(async () => (await client.status('cars', batchId)).status === 'partial success', {
      what: 'the end of the restarted batch',
    });
  });
});
