/**
 * iVvy's API from outside: a client written from the documented steps of signing alone, over a real socket, and the
 * errors of its calls.
 */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { run as runExample } from '../../../examples/ivvy.ts';
import { batchEnded } from '../../../src/telemetry/events.ts';
import type { Json } from '../../support/json.ts';
import { makeSigningKey, type SigningKey } from '../../support/signed.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { mutated, seeded } from './mutations.ts';

const env = { SECRET_KEY: 'the secret key of these tests: 32 +' };
const system = await startSystem({ after }, { env });
const PERMISSIONS = ['event.*', 'contact.*', 'test.*'];

/** Each test has a tenant of its own. */
const tenantKey = (tenant: string, permissions = PERMISSIONS) =>
  makeSigningKey(system, { tenant, permissions });

interface Answer {
  status: number;
  body: Json;
}

/** Signs as iVvy documents it: the parts, joined without a separator, in lower case; HMAC-SHA1 in hex. */
async function send(
  { key, secret }: SigningKey,
  [namespace, action]: readonly [string, string],
  body: string,
  url = system.url,
): Promise<Answer> {
  const requestString = `/api/1.0/${namespace}?action=${action}`;
  const contentMd5 = createHash('md5').update(body).digest('hex');
  const date = new Date().toISOString().slice(0, 19).replace('T', ' ');
  const parts = ['POST', contentMd5, 'application/json', '', requestString, '1.0', `ivvydate=${date}`];
  const signature = createHmac('sha1', secret).update(parts.join('').toLowerCase()).digest('hex');
  const response = await fetch(`${url}${requestString}`, {
    method: 'POST',
    headers: {
      'Content-MD5': contentMd5,
      'Content-Type': 'application/json',
      'X-Api-Version': '1.0',
      'IVVY-Date': date,
      'X-Api-Authorization': `IWS ${key}:${signature}`,
    },
    body,
  });
  return { status: response.status, body: await response.json() };
}

function clientOf(key: SigningKey) {
  const answer = (namespace: string, action: string, params: object = {}) =>
    send(key, [namespace, action], JSON.stringify(params));
  return {
    answer,
    async call(namespace: string, action: string, params?: object): Promise<Json> {
      const { status, body } = await answer(namespace, action, params);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
  };
}

const PEOPLE = [
  { firstName: 'Bobby', lastName: 'Smith', email: 'bobbysmith@hotmail.com', status: 1, externalId: '12345' },
  { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', phone: '+44 1' },
  { firstName: 'Eve', lastName: 'Gone', email: 'eve@example.com', status: 2 },
];

test('a client written from the documentation invites contacts in a batch, and reads, restarts and reposts it', async () => {
  const { call } = clientOf(await tenantKey('story'));
  assert.match((await call('test', 'ping')).ack, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);

  const event = await call('event', 'addOrUpdateEvent', {
    title: 'A New Event',
    startDateTime: '2018-03-05 03:00:00 UTC',
    endDateTime: '2018-03-05 06:00:00 UTC',
  });
  assert.deepEqual(event, { success: true, id: 1, code: event.code, races: [] });
  const ids: number[] = [];
  for (const person of PEOPLE) ids.push((await call('contact', 'addOrUpdateContact', person)).id);
  assert.deepEqual(ids, [1, 2, 3]);

  const invite = {
    namespace: 'event',
    action: 'inviteContacts',
    params: { event: 1, contacts: [1, 2, 3, 4] },
  };
  const broken = { namespace: 'contact', action: 'getContact', params: { id: 9 } };
  const callbackUrl = `${system.url}/healthz`;
  const { asyncId } = await call('batch', 'run', { jobs: [invite, broken], callbackUrl });
  const end = () =>
    waitFor(async () => (await call('batch', 'progress', { async: asyncId })).progress === 100, {
      what: 'the end of the batch',
      after: batchEnded,
    });
  await end();
  const { results } = await call('batch', 'results', { async: asyncId });
  assert.deepEqual(results[0].request, invite.params);
  const invited = results[0].response.results;
  assert.deepEqual(
    invited.map(({ contact, status, reason }: Json) => [contact, status, reason]),
    [
      [1, true, undefined],
      [2, true, undefined],
      [3, false, 'opted out'],
      [4, false, 'unknown'],
    ],
  );
  for (const name of ['inviteLinkYes', 'inviteLinkNo']) assert.match(invited[0][name], /^http:\/\//);
  assert.deepEqual(results[1].response, {
    errorCode: 404,
    message: 'There is no contact 9',
    specificCode: 24096,
  });
  assert.deepEqual(await call('batch', 'restart', { async: asyncId }), { restarted: true });
  await end();
  assert.deepEqual(await call('batch', 'repost', { async: asyncId }), { reposted: true });

  const answered = await fetch(invited[0].inviteLinkYes, { method: 'POST' });
  assert.equal(answered.status, 200);
  const list = await call('event', 'getInvitedContactList', { eventId: 1, start: 0, perPage: 1 });
  assert.deepEqual(list.meta, { totalResults: 2, start: 0, perPage: 1, count: 1 });
  const [{ modifiedDate, ...first }] = list.results;
  assert.match(modifiedDate, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  assert.deepEqual(first, {
    eventId: 1,
    contactId: 1,
    firstName: 'Bobby',
    lastName: 'Smith',
    email: 'bobbysmith@hotmail.com',
    phone: null,
    response: 'Y',
    registrationId: null,
  });
  assert.equal((await call('event', 'getEvent', { id: 1 })).numRegistered, 1);
  const found = await call('contact', 'getContactList', {
    filter: { externalId: '12345', firstName__BEGINS: 'b' },
  });
  assert.deepEqual(
    found.results.map(({ id }: Json) => id),
    [1],
  );
});

describe('the errors of iVvy’s calls', async () => {
  const { answer } = clientOf(await tenantKey('errors'));
  const NAMES = { firstName: 'A', lastName: 'B', email: 'a@example.com' };
  const WRONG: [string, string, object, string, string][] = [
    ['contact', 'getContact', { id: 'wrong' }, 'id', 'params.id must be integer'],
    ['event', 'getEvent', { id: 1.5 }, 'id', 'params.id must be integer'],
    ['contact', 'addOrUpdateContact', { id: 1, groups: [] }, 'groups', 'params.groups is not known'],
    ['contact', 'addOrUpdateContact', { ...NAMES, status: 3 }, 'status', 'params.status must be one of 1, 2'],
    [
      'event',
      'addOrUpdateEvent',
      { title: 'A', timezone: 'UTC' },
      'timezone',
      'params.timezone is not known',
    ],
    [
      'event',
      'addOrUpdateEvent',
      { title: 'A', name: 'A' },
      'name',
      'params.name is not allowed together with title',
    ],
    [
      'event',
      'addOrUpdateEvent',
      { title: 'A', startDateTime: '2026-02-30 00:00:00' },
      'startDateTime',
      'params.startDateTime must be a real date and time in UTC, YYYY-MM-DD HH:mm:ss UTC or without the UTC',
    ],
    [
      'contact',
      'getContactList',
      { filter: { fistName: 'A' } },
      'filter.fistName',
      'params.filter.fistName is not known',
    ],
    [
      'event',
      'getEventList',
      { filter: { startDateTime: 'soon' } },
      'filter.startDateTime',
      'params.filter.startDateTime must be a real date and time in UTC, YYYY-MM-DD HH:mm:ss UTC or without the UTC',
    ],
    [
      'event',
      'getEventList',
      { includeVenueDetails: true },
      'includeVenueDetails',
      'params.includeVenueDetails must be false',
    ],
    ['test', 'ping', { example: 'body' }, 'example', 'params.example is not known'],
  ];
  for (const [namespace, action, params, parameter, why] of WRONG)
    test(`${namespace}.${action} ${JSON.stringify(params)} is 23016`, async () => {
      assert.deepEqual(await answer(namespace, action, params), {
        status: 400,
        body: {
          errorCode: 400,
          message: `'${parameter}' does not validate`,
          specificCode: 23016,
          additionalMessages: [why],
        },
      });
    });

  const MISSING: [string, string, object, string[]][] = [
    ['contact', 'getContact', {}, ['id']],
    ['event', 'getEvent', {}, ['id']],
    ['event', 'getInvitedContactList', { start: 0 }, ['eventId']],
    ['event', 'inviteContacts', { contacts: [1] }, ['event']],
    ['event', 'addOrUpdateEvent', { code: 'X' }, ['title']],
    ['contact', 'addOrUpdateContact', {}, ['firstName', 'lastName', 'email']],
    ['contact', 'addOrUpdateContact', { firstName: 'A' }, ['lastName', 'email']],
    ['contact', 'addOrUpdateContact', { firstName: 'A', lastName: 'B' }, ['email']],
  ];
  for (const [namespace, action, params, missing] of MISSING)
    test(`${namespace}.${action} ${JSON.stringify(params)} is 23017`, async () => {
      assert.deepEqual(await answer(namespace, action, params), {
        status: 400,
        body: {
          errorCode: 400,
          message: `'${missing[0]}' is required`,
          specificCode: 23017,
          additionalMessages: missing.map((name) => `params.${name} is required`),
        },
      });
    });

  test('a record that does not exist is 404, and a request that fails is 461', async () => {
    for (const [namespace, action, specificCode] of [
      ['contact', 'getContact', 24096],
      ['event', 'getEvent', 24097],
    ] as const) {
      const message = `There is no ${namespace} 77`;
      assert.deepEqual(await answer(namespace, action, { id: 77 }), {
        status: 404,
        body: { errorCode: 404, message, specificCode },
      });
    }
    await answer('event', 'addOrUpdateEvent', { id: 5, title: 'A', code: 'TAKEN' });
    assert.deepEqual(await answer('event', 'addOrUpdateEvent', { title: 'B', code: 'TAKEN' }), {
      status: 461,
      body: { errorCode: 461, message: 'The code "TAKEN" belongs to event 5' },
    });
    const unknownId = await answer('contact', 'addOrUpdateContact', { id: 40, phone: '1' });
    assert.equal(unknownId.status, 400);
    assert.equal(unknownId.body.message, "'firstName' is required");
  });

  test('a wrong secret and a revoked key are 401, a lacking permission 403, another method 405', async () => {
    const key = await tenantKey('refused', ['test.*']);
    const unauthorized = await send({ ...key, secret: 'another' }, ['test', 'ping'], '');
    assert.equal(unauthorized.status, 401);
    assert.equal(unauthorized.body.errorCode, 401);
    const forbidden = await send(key, ['contact', 'getContactList'], '{}');
    assert.equal(forbidden.status, 403);
    assert.equal(forbidden.body.errorCode, 403);
    const method = await system.request('/api/1.0/event?action=getEventList');
    assert.equal(method.status, 405);
    assert.equal(method.body.errorCode, 405);
    assert.equal(method.headers.get('allow'), 'POST');
    assert.equal((await system.request(`/v1/keys/${key.id}`, { method: 'DELETE' })).status, 204);
    assert.equal((await send(key, ['test', 'ping'], '')).status, 401);
  });

  test('more requests than the rate limit are 429', async (t) => {
    const limited = await startSystem(t, { env: { ...env, RATE_LIMIT: '3' }, worker: false });
    const key = await makeSigningKey(limited);
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++)
      statuses.push((await send(key, ['batch', 'progress'], '{"async":"none"}', limited.url)).status);
    assert.deepEqual(statuses, [404, 404, 404, 429]);
  });
});

test('the example runs through, also when it runs again', async () => {
  for (let time = 0; time < 2; time++) {
    const lines: string[] = [];
    await runExample({ url: system.url, adminKey: ADMIN_KEY, print: (line) => lines.push(line) });
    assert.equal(lines.at(-1), 'event.getInvitedContactList: Ada (U), Alan (U); U is undecided.');
  }
});

const VALID: [string, string, object][] = [
  [
    'event',
    'addOrUpdateEvent',
    { id: 1, title: 'A', startDateTime: '2026-01-01 00:00:00', races: [{ id: 1, name: 'r' }] },
  ],
  ['event', 'getEvent', { id: 1 }],
  [
    'event',
    'getEventList',
    { start: 0, perPage: 5, filter: { title__CONTAINS: 'a', afterDate: '2020-01-01 00:00:00' } },
  ],
  ['event', 'getRaceList', { eventId: 1, start: 0, perPage: 5 }],
  ['event', 'inviteContacts', { event: 1, contacts: [1, 2] }],
  ['event', 'getInvitedContactList', { eventId: 1, start: 0, perPage: 5, filter: { response: 'U' } }],
  ['event', 'answerInvitation', { token: '0123456789abcdef0123456789abcdef', response: 'Y' }],
  ['contact', 'addOrUpdateContact', { id: 1, ...PEOPLE[1], updateIfExists: true }],
  ['contact', 'getContact', { id: 1 }],
  [
    'contact',
    'getContactList',
    { start: 0, perPage: 5, filter: { firstName__NOT: 'a', status__LESSTHAN: 2 } },
  ],
  ['test', 'ping', {}],
];
test('300 requests with random mutations get no 5xx, and errors in iVvy’s shape', async () => {
  const key = await tenantKey('mutations');
  const random = seeded(20_261_126);
  const requests = Array.from({ length: 300 }, (_, n) => {
    const [namespace, action, params] = VALID[n % VALID.length] as (typeof VALID)[number];
    return { namespace, action, body: mutated(params, random) };
  }).values();
  const lane = async () => {
    for (const { namespace, action, body } of requests) {
      const answer = await send(key, [namespace, action], body);
      const shown = `${namespace}.${action} ${body.slice(0, 300)}: ${JSON.stringify(answer).slice(0, 300)}`;
      assert.ok(answer.status < 500, shown);
      if (answer.status !== 200) assert.equal(answer.body.errorCode, answer.status, shown);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
});
