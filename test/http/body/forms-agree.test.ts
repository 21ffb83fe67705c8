/**
 * The four ways to send a job accept and refuse the same params: in /batch, in /v1/batches, on a line, alone.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Answer, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';
import { postBatch, postLines } from '../v1/support.ts';

const system = await startSystem({ after });

/** Sends params, exactly as written, to an action in all ways. */
function sendAll(name: string, params: string): Promise<Record<string, Answer>> {
  const [namespace, action] = name.split('.');
  const job = `{"namespace":"${namespace}","action":"${action}","params":${params}}`;
  const body = `{"jobs":[${job}]}`;
  const answers = {
    run: system.rpc('run', body),
    validate: system.rpc('validate', body),
    rest: postBatch(system, body),
    line: postLines(system, job),
    alone: system.request(`/api/1.0/${namespace}?action=${action}`, { method: 'POST', body: params }),
  };
  return allOf(answers);
}

async function allOf<T>(promises: Record<string, Promise<T>>): Promise<Record<string, T>> {
  const entries = Object.entries(promises).map(async ([name, promise]) => [name, await promise] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function assertTaken(name: string, params: string): Promise<void> {
  for (const [way, { status, body }] of Object.entries(await sendAll(name, params)))
    assert.ok(status === 200 || status === 202, `${way} of ${params.slice(0, 200)}: ${JSON.stringify(body)}`);
}

/** @param expected a part of a message in every way */
async function assertRefused(name: string, params: string, expected: RegExp): Promise<void> {
  for (const [way, { status, body }] of Object.entries(await sendAll(name, params))) {
    assert.equal(status, 400, `${way} of ${params.slice(0, 200)}: ${JSON.stringify(body)}`);
    const { message = body.detail, additionalMessages = body.errors } = body;
    assert.match([message, ...(additionalMessages ?? [])].join('\n'), expected, way);
  }
}

describe('nested params', () => {
  const nested = (levels: number) => `{"x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

  test('params nested 497 levels deep are accepted: with those of a JSON body around them they are 500', () =>
    assertTaken('test.echo', nested(497)));

  for (const levels of [498, 499, 500, 501, 5000])
    test(`params nested ${levels} levels deep are refused`, () =>
      assertRefused('test.echo', nested(levels), /nested deeper than 500 levels/));
});

describe('repeated names', () => {
  for (const params of ['{"":1,"":2}', '{"n":1,"n":2}', '{"":[1],"":[2]}', '{"jobs":[1],"jobs":[2]}'])
    test(`a repeated name is accepted, and the last value counts: ${params}`, () =>
      assertTaken('test.echo', params));

  test('a repeated name whose last value is wrong is refused', () =>
    assertRefused('test.echo', '{"n":1,"n":"x"}', /params\.n must be integer/));
});

describe('numbers where the schema requires whole numbers', () => {
  for (const number of ['1', '1.0', '-0', '1E2', '100e-2', '9007199254740992', '9007199254740991.0', '1e22'])
    test(`the number ${number} is accepted as a whole number`, () =>
      assertTaken('rpc.strict', `{"name":"a","id":${number}}`));

  for (const number of [
    '1.5',
    '9007199254740991.4',
    '-9007199254740991.4',
    '9007199254740993',
    '4503599627370497.2',
    '0.99999999999999999999',
    '1.00000000000000000001',
    '1e23',
    '1e-400',
    '1e400',
  ])
    test(`the number ${number} is not a whole number as it is written, and is refused`, () =>
      assertRefused('rpc.strict', `{"name":"a","id":${number}}`, /params\.id must be integer/));

  test('numbers are judged as written in jobs above 256 KiB too', async () => {
    const padding = 'é'.repeat(200 * 1024);
    await assertTaken('rpc.strict', `{"name":"a","id":17.0,"padding":"${padding}"}`);
    await assertRefused(
      'rpc.strict',
      `{"padding":"${padding}","name":"a","id":17.00000000000000000001}`,
      /params\.id/,
    );
  });

  test('numbers are judged as written at every place, in arrays and beside numbers that may be rounded', async () => {
    const params = (contact: string) => `{"event":1,"contacts":[1,${contact},3]}`;
    await assertTaken('test.behave', '{"n":2.0}');
    await assertRefused(
      'event.inviteContacts',
      params('2.00000000000000000001'),
      /params\.contacts\[1\] must be integer/,
    );
    const row = (raceId: string) =>
      `{"event_id":1,"participants":[{"unique_id":"1","first_name":"a","last_name":"b","date_of_birth":"2001-01-01","race_id":${raceId}}]}`;
    await assertRefused(
      'participants.storeMultiple',
      row('9007199254740990.6'),
      /participants\[0\]\.race_id must be integer/,
    );
  });
});

test('a number without a required kind is accepted as it is written', async () => {
  for (const number of ['9007199254740993', '1e400', '0.99999999999999999999', '1e-400', '0.1'])
    await assertTaken('test.echo', `{"x":${number},"y":[{"z":${number}}]}`);
  await assertTaken(
    'test.behave',
    '{"waitMs":0.99999999999999999999,"progress":[1e-400,1.00000000000000000001]}',
  );
});

test('the id of a job is judged as it is written', async () => {
  const body = (id: string) => `{"jobs":[{"namespace":"test","action":"echo","params":{},"id":${id}}]}`;
  for (const id of ['1', '1.0', '9007199254740991', '-3'])
    assert.equal((await system.rpc('run', body(id))).status, 200, id);
  const before = await storedRows(system.pool);
  for (const id of ['9007199254740991.4', '1.00000000000000000001', '9007199254740993', '1e400', '1.5']) {
    const answer = await system.rpc('validate', body(id));
    assert.equal(answer.status, 400, id);
    assert.match(answer.body.additionalMessages[0], /^jobs\[0\]\.id must be .* a whole number$/);
  }
  assert.deepEqual(await storedRows(system.pool), before);
});

test('start and perPage of results are judged as they are written', async () => {
  const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: {} }]);
  await system.ended(asyncId);
  const results = (more: string) => system.rpc('results', `{"async":"${asyncId}",${more}}`);
  for (const more of ['"perPage":1.0', '"start":0,"perPage":1e2'])
    assert.equal((await results(more)).status, 200, more);
  for (const more of [
    '"perPage":1.00000000000000000001',
    '"start":1e-400',
    '"start":0.99999999999999999999',
    '"perPage":2147483648',
    '"perPage":1.5',
  ]) {
    const { status, body } = await results(more);
    assert.deepEqual(
      [status, /^(start|perPage) must be a whole number/.test(body.message)],
      [400, true],
      more,
    );
  }
});
