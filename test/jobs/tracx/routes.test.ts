/** The lists and the single participant of Tracx Connect, and the form of its errors. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import { startSystem } from '../../support/system.ts';
import { assertInvalid, assertRefused, connectTo, DOCUMENTED } from './connect.ts';

const system = await startSystem({ after }, { env: { MAX_BODY_BYTES: '1500000' } });
const connect = connectTo(system);
const token = await connect.sessionToken(['*']);
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

describe('GET /events and /races', async () => {
  // A tenant of its own, without the events of other tests.
  const { key } = await connect.connectToken(['*'], { tenant: 'lists' });
  const headers = { authorization: `Bearer ${key}` };
  const one = await connect.addEvent('Event name 1', ['Race name 1', 'Race name 2'], headers);
  const two = await connect.addEvent('Event name 2', ['Race name 3'], headers);

  test('events and races are listed in the documented form', async () => {
    const events = await connect.get('/events', key);
    assert.equal(events.status, 200);
    assert.match(events.headers.get('content-type') ?? '', /^application\/json/);
    assert.deepEqual(Object.keys(events.body), ['data']);
    assert.deepEqual(Object.keys(events.body.data), ['items']);
    const { created_at, updated_at, ...shown } = events.body.data.items[0];
    assert.deepEqual(shown, { id: one.id, name: 'Event name 1' });
    assert.match(created_at, TIME);
    assert.match(updated_at, TIME);
    assert.equal(events.body.data.items[1].name, 'Event name 2');

    const races = await connect.get(`/races?event_id=${one.id}`, key);
    const [race, ...others] = races.body.data.items;
    assert.deepEqual(Object.keys(race), ['id', 'event_id', 'name', 'created_at', 'updated_at']);
    assert.deepEqual([race.id, race.event_id, race.name], [one.races[0], one.id, 'Race name 1']);
    assert.match(race.created_at, TIME);
    assert.equal(others.length, 1);

    const all = await connect.get('/races', key);
    const ids = all.body.data.items.map(({ id }: { id: number }) => id);
    assert.deepEqual(ids, [...one.races, ...two.races]);
  });

  test('events and races can be asked for page by page', async () => {
    const events = await connect.get('/events?page=2&per_page=1', key);
    const names = events.body.data.items.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['Event name 2']);
    assert.deepEqual(events.body.meta, { current_page: 2, per_page: 1, total: 2, last_page: 2 });
    const races = await connect.get('/races?per_page=1000', key);
    assert.deepEqual(races.body.meta, { current_page: 1, per_page: 200, total: 3, last_page: 1 });
  });

  for (const [query, field] of [
    ['event_id=', 'event_id'],
    ['event_id=abc', 'event_id'],
    ['event_id=1.5', 'event_id'],
    ['event_id=0', 'event_id'],
    ['event_id=99999999999999999999', 'event_id'],
    ['event_id=1&event_id=2', 'event_id'],
    ['page=0', 'page'],
    ['page=-1', 'page'],
    ['page=9007199254740991', 'page'],
    ['per_page=x', 'per_page'],
    ['per_page=0', 'per_page'],
  ])
    test(`a list refuses the query ${query}`, async () => {
      const answer = await connect.get(`/races?${query}`, key);
      assertRefused(answer, 422, 'One or more fields are invalid');
      const [{ message, ...error }, ...others] = answer.body.data.errors;
      assert.deepEqual([error, others], [{ index: null, field }, []]);
      assert.match(message, /^must be an integer from 1 to \d+$/);
    });
});

describe('POST /participant', async () => {
  const { id: event_id, races } = await connect.addEvent('Single', ['10 km']);
  const [race_id] = races;
  const documented = { ...DOCUMENTED, race_id };
  const store = (participant: unknown) => connect.post('/participant', token, participant);

  test('the documented participant is stored at once, and the answer is its record', async () => {
    const { status, body } = await store(documented);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['data']);
    const { id, created_at, updated_at, ...record } = body.data;
    assert.ok(id > 0);
    assert.match(created_at, TIME);
    assert.match(updated_at, TIME);
    assert.deepEqual(record, {
      unique_id: '1',
      start_number: '1',
      chip_code: '0000001',
      event_id,
      race_id,
      first_name: 'John',
      last_name: 'Doe',
      full_name: 'John Doe',
      date_of_birth: '2001-01-01',
      country_code: 'NL',
      team_name: null,
      gender: 'male',
      state: 'before',
    });
    const list = await connect.get(`/events/${event_id}/participants`, token);
    const meta = { current_page: 1, per_page: 100, total: 1, last_page: 1 };
    assert.deepEqual(list.body, { data: { items: [body.data] }, meta });
  });

  test('a second request with the unique_id updates the participant', async () => {
    const first = await store(documented);
    const { country_code: _, ...rest } = documented;
    const second = await store({ ...rest, first_name: 'Jane', state: null });
    assert.equal(second.body.data.id, first.body.data.id);
    const { full_name, country_code, state } = second.body.data;
    assert.deepEqual([full_name, country_code, state], ['Jane Doe', 'NL', null]);
  });

  test('a participant without its required fields is refused, and so is an empty body', async () => {
    const required = ['unique_id', 'first_name', 'last_name', 'date_of_birth', 'race_id'];
    const errors = required.map((field) => ({ index: 0, field, message: 'is required' }));
    for (const body of [undefined, '', '{}', {}]) assertInvalid(await store(body), errors);
  });

  const withProto = `{"__proto__":1,${JSON.stringify(documented).slice(1)}`;
  for (const [what, body, field, message] of [
    ['a list', '[]', null, 'must be an object'],
    ['null', 'null', null, 'must be an object'],
    ['a text', '"participant"', null, 'must be an object'],
    ['a wrong chip code', { ...documented, chip_code: '1' }, 'chip_code', 'must be exactly 7 characters'],
    ['an unknown field', { ...documented, chipcode: '1' }, 'chipcode', 'is not known'],
    ['a field named __proto__', withProto, '__proto__', 'is not known'],
    ['an unknown race', { ...documented, race_id: 999_999 }, 'race_id', 'is not a race of an event'],
  ] as const)
    test(`a request with ${what} stores nothing`, async () => {
      const rows = await storedRows(system.pool);
      assertInvalid(await store(body), [{ index: 0, field, message }]);
      assert.deepEqual(await storedRows(system.pool), rows);
    });

  test('a body that is not JSON is refused', async () => {
    for (const body of ['{', 'unique_id=1', '{"unique_id":01}', Uint8Array.of(0x22, 0xff, 0x22)])
      assertRefused(await store(body), 400, /JSON|body/);
  });
});

describe('GET /events/{event_id}/participants', async () => {
  const { id, races } = await connect.addEvent('Listed', ['10 km']);

  test('participants are listed page by page, sorted by unique_id', async () => {
    for (const unique_id of ['c', 'a', 'b'])
      await connect.post('/participant', token, { ...DOCUMENTED, unique_id, race_id: races[0] });
    for (const [query, ids, meta] of [
      ['', ['a', 'b', 'c'], { current_page: 1, per_page: 100, total: 3, last_page: 1 }],
      ['?per_page=2&page=2', ['c'], { current_page: 2, per_page: 2, total: 3, last_page: 2 }],
      ['?page=7', [], { current_page: 7, per_page: 100, total: 3, last_page: 1 }],
    ] as const) {
      const { body } = await connect.get(`/events/${id}/participants${query}`, token);
      const found = body.data.items.map(({ unique_id }: { unique_id: string }) => unique_id);
      assert.deepEqual([found, body.meta], [ids, meta]);
    }
  });

  test('the participants of an unknown event are 404', async () => {
    for (const event of ['999999', '0', '-1', 'abc', '1.5', '99999999999999999999', '%00'])
      for (const [method, body] of [
        ['GET', undefined],
        ['POST', []],
      ] as const) {
        const answer = await connect.ask(method, `/events/${event}/participants`, { token, body });
        assertRefused(answer, 404, /^There is no event /);
      }
  });
});

describe('errors', () => {
  test('an unknown address is 404', async () => {
    for (const path of ['', '/', '/nothing', '/events/1', '/events/1/participants/2'])
      assertRefused(await connect.get(path, token), 404, /^There is nothing at /);
  });

  test('another method is 405, and Allow names those that are allowed', async () => {
    for (const [method, path, allowed] of [
      ['GET', '/session-token', 'POST'],
      ['POST', '/events', 'GET, HEAD'],
      ['DELETE', '/races', 'GET, HEAD'],
      ['GET', '/participant', 'POST'],
      ['PUT', '/events/1/participants', 'GET, HEAD, POST'],
    ] as const) {
      const answer = await connect.ask(method, path, { token });
      assertRefused(answer, 405, /allows/);
      assert.equal(answer.headers.get('allow'), allowed);
    }
  });

  test('a body that is too large is 413', async () => {
    const one = { ...DOCUMENTED, first_name: 'x'.repeat(70_000) };
    assertRefused(await connect.post('/participant', token, one), 413, /bytes/);
    const event = await connect.addEvent();
    const many = await connect.post(`/events/${event.id}/participants`, token, ' '.repeat(1_600_000));
    assertRefused(many, 413, /bytes/);
    // In chunks, so that the length is not announced.
    const body = new Blob([`[${' '.repeat(1_600_000)}`]).stream();
    const init = { method: 'POST', headers: { authorization: token }, body, duplex: 'half' as const };
    const chunked = await fetch(`${system.url}/v1/connect/events/${event.id}/participants`, init);
    const { status, headers } = chunked;
    assertRefused({ status, headers, body: await chunked.json() }, 413, /bytes/);
  });

  // The last of the file: the address is refused for a minute.
  test('too many requests with a wrong token are 429, with Retry-After', async () => {
    const wrong = Array.from({ length: 101 }, (_, n) => connect.get('/events', `nobody-${n}`));
    const statuses = (await Promise.all(wrong)).map(({ status }) => status);
    assert.ok(statuses.includes(401));
    const answer = await connect.get('/events', 'nobody');
    assertRefused(answer, 429, /Too many requests/);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    assert.equal((await connect.get('/events', token)).status, 200, 'a token that has worked still works');
  });
});
