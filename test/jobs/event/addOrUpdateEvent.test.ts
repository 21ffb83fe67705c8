import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { type AddOrUpdateEvent, params } from '#schemas/event/addOrUpdateEvent.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import getEvent from '../../../jobs/event/getEvent.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { createCompiler } from '../../../src/validation/check-params.ts';
import { jobContext, runAction } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import { testSchema } from '../../support/schema-table.ts';

const { pool } = await createDatabase({ after });

const GOOD_DATES = [
  '2026-11-25 22:47:42 UTC',
  '2026-11-25 22:47:42',
  '2028-02-29 00:00:00 UTC',
  '0001-01-01 00:00:00',
  '9999-12-31 23:59:59 UTC',
  null,
];
const BAD_DATES = [
  '',
  '2026-02-29 00:00:00 UTC',
  '2026-04-31 00:00:00',
  '2026-13-01 00:00:00',
  '2026-00-10 00:00:00',
  '2026-11-25 24:00:00 UTC',
  '2026-11-25 23:60:00',
  '2026-11-25 23:59:60',
  '0000-01-01 00:00:00',
  '2026-11-25',
  '2026-11-25T22:47:42Z',
  '2026-11-25 22:47:42 CET',
  '2026-11-25 22:47:42UTC',
  ' 2026-11-25 22:47:42',
  '+12026-11-25 22:47:42',
  1764110862,
  {},
];

testSchema(params, {
  base: { title: 'City Run' },
  required: ['title'],
  members: {
    id: { good: [1, 2 ** 53 - 1], bad: [0, -1, 1.5, '1', null, 2 ** 53] },
    title: {
      good: ['A', 'x'.repeat(255), 'Straßenlauf 😀'],
      bad: ['', 'x'.repeat(256), 'a\r\nBcc: b', '\u0000', '\ud83d', null, 1],
    },
    name: { good: [], bad: ['beside a title'] },
    code: { good: ['BAS4G248', 'a b', 'x'.repeat(50)], bad: ['', 'x'.repeat(51), 'a\nb', null, 1] },
    startDateTime: { good: GOOD_DATES, bad: BAD_DATES },
    endDateTime: { good: GOOD_DATES, bad: BAD_DATES },
    externalEventId: { good: ['a b', '7', null], bad: ['', 'x'.repeat(256), 'a\nb', 7] },
    races: {
      good: [[], [{ name: '5 km' }], [{ id: 4, name: '5 km' }], Array(1000).fill({ name: 'x' })],
      bad: [
        null,
        {},
        ['5 km'],
        [{}],
        [{ id: 1 }],
        [{ name: '' }],
        [{ id: '1', name: 'x' }],
        [{ name: 'x', km: 5 }],
        Array(1001).fill({ name: 'x' }),
      ],
    },
  },
});

test('a new event may be named with name instead of title', () => {
  const validate = createCompiler()(params);
  assert.equal(validate({ name: 'City Run' }), true);
  for (const bad of ['', 1, null]) assert.equal(validate({ name: bad }), false);
  assert.equal(validate({ id: 1 }), true, 'with an id nothing else is required');
});

interface Answer {
  success: boolean;
  id: number;
  code: string;
  races: { id: number; name: string }[];
}

async function store(tenant: string, event: AddOrUpdateEvent): Promise<Answer> {
  return (await runAction(pool, addOrUpdateEvent, event, { tenant })) as Answer;
}

/** The answer without the generated code. */
async function storeEvent(tenant: string, event: AddOrUpdateEvent) {
  const { success, code, ...answer } = await store(tenant, event);
  assert.equal(success, true);
  assert.match(code, /^[0-9A-F]{12}$/);
  return answer;
}

async function stored(tenant: string) {
  const { rows } = await pool.query(
    'select id, name, external_event_id as "externalEventId" from event.event where tenant = $1 order by id',
    [tenant],
  );
  return rows;
}

test('events and races without an id are numbered from 1, in each tenant', async () => {
  const run = { name: 'City Run', races: [{ name: '10 km' }, { name: '5 km' }] };
  assert.deepEqual(await storeEvent('count-a', run), {
    id: 1,
    races: [
      { id: 1, name: '10 km' },
      { id: 2, name: '5 km' },
    ],
  });
  assert.deepEqual(await storeEvent('count-a', { name: 'Walk', races: [{ name: '5 km' }] }), {
    id: 2,
    races: [{ id: 3, name: '5 km' }],
  });
  assert.deepEqual(await storeEvent('count-b', { name: 'Walk' }), { id: 1, races: [] });
});

test('given ids are kept, and generated ids continue after them', async () => {
  assert.deepEqual(
    await storeEvent('given', { id: 40, name: 'A', races: [{ name: 'new' }, { id: 9, name: 'nine' }] }),
    {
      id: 40,
      races: [
        { id: 10, name: 'new' },
        { id: 9, name: 'nine' },
      ],
    },
  );
  assert.deepEqual(await storeEvent('given', { name: 'B', races: [{ name: 'next' }] }), {
    id: 41,
    races: [{ id: 11, name: 'next' }],
  });
});

test('an event with the same id is updated', async () => {
  await store('update', { id: 3, name: 'Old' });
  assert.equal((await store('update', { id: 3, name: 'New' })).id, 3);
  assert.deepEqual(await stored('update'), [{ id: 3, name: 'New', externalEventId: null }]);
});

test('without an id the event with the same externalEventId is updated', async () => {
  const { id } = await store('external', { name: 'Old', externalEventId: 'run-26' });
  assert.equal((await store('external', { name: 'New', externalEventId: 'run-26' })).id, id);
  assert.equal((await store('external', { name: 'Other', externalEventId: 'run-27' })).id, id + 1);
  assert.deepEqual(
    (await stored('external')).map(({ name }) => name),
    ['New', 'Other'],
  );
});

test('an absent externalEventId stays, null clears it', async () => {
  const { id } = await store('clear', { name: 'A', externalEventId: 'x' });
  await store('clear', { id, name: 'A' });
  assert.equal((await stored('clear'))[0].externalEventId, 'x');
  await store('clear', { id, name: 'A', externalEventId: null });
  assert.equal((await stored('clear'))[0].externalEventId, null);
});

test('an externalEventId of another event fails the job for good and changes nothing', async () => {
  await store('taken', { id: 1, name: 'A', externalEventId: 'x' });
  await store('taken', { id: 2, name: 'B' });
  await assert.rejects(store('taken', { id: 2, name: 'C', externalEventId: 'x' }), (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    assert.equal(error.message, 'The externalEventId "x" belongs to event 1');
    return true;
  });
  assert.equal((await stored('taken'))[1].name, 'B');
});

test('a race is found by its id or its name, and races that are not named stay', async () => {
  const { id } = await store('races', { name: 'A', races: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] });
  const answer = await store('races', {
    id,
    name: 'A',
    races: [{ name: 'new' }, { id: 3, name: 'renamed' }, { name: 'b' }],
  });
  assert.deepEqual(answer.races, [
    { id: 4, name: 'new' },
    { id: 3, name: 'renamed' },
    { id: 2, name: 'b' },
    { id: 1, name: 'a' },
  ]);
  assert.deepEqual((await store('races', { id, name: 'A' })).races, [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
    { id: 3, name: 'renamed' },
    { id: 4, name: 'new' },
  ]);
});

test('a new race named twice in a request is one race', async () => {
  const { races } = await store('same', { name: 'A', races: [{ name: 'a' }, { name: 'a' }] });
  assert.deepEqual(races, [{ id: 1, name: 'a' }]);
});

test('a race of another event fails the job for good and changes nothing', async () => {
  await store('foreign', { name: 'A', races: [{ id: 5, name: 'a' }] });
  await assert.rejects(store('foreign', { name: 'B', races: [{ id: 5, name: 'b' }] }), (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    assert.equal(error.message, 'Race 5 belongs to event 1');
    return true;
  });
  assert.equal((await stored('foreign')).length, 1);
});

test('another tenant’s event and races with the same ids do not change', async () => {
  await store('mine', { id: 1, name: 'Mine', races: [{ id: 1, name: 'a' }] });
  await store('theirs', { id: 1, name: 'Theirs', races: [{ id: 1, name: 'b' }] });
  assert.deepEqual((await store('mine', { id: 1, name: 'Mine' })).races, [{ id: 1, name: 'a' }]);
});

test('events added concurrently get different ids, with given ids in between', async () => {
  // Above the ids given below: an id given after it was generated would mean that event.
  await store('race', { id: 5000, name: 'First' });
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, n) =>
      store('race', { name: `E${n}`, races: [{ name: 'a' }], ...(n % 2 ? { id: 1000 + n } : {}) }),
    ),
  );
  assert.equal(new Set(answers.map(({ id }) => id)).size, 24);
  assert.equal(new Set(answers.map(({ races }) => races[0]?.id)).size, 24);
});

test('a new event sent twice concurrently with one externalEventId is one event', async () => {
  const event = { name: 'A', externalEventId: 'x', races: [{ name: 'a' }] };
  const [one, two] = await Promise.all([store('once', event), store('once', event)]);
  assert.deepEqual(one, two);
});

const HIGHEST = Number.MAX_SAFE_INTEGER;
/** Given ids up to this one are counted; generated ids skip higher ones. */
const COUNTED = 2 ** 52;
const idsOf = ({ id, races }: Answer) => [id, ...races.map((race) => race.id)];

test('the highest ids may be given, and all others can still be generated', async () => {
  const races = [{ id: HIGHEST, name: 'a' }, { name: 'b' }];
  assert.deepEqual(idsOf(await store('full', { id: HIGHEST, name: 'Last', races })), [HIGHEST, HIGHEST, 1]);
  const next = { name: 'Next', races: [{ name: 'a' }, { name: 'b' }] };
  assert.deepEqual(idsOf(await store('full', next)), [1, 2, 3]);
  assert.deepEqual(idsOf(await store('full', { ...next, races: [{ name: 'c' }] })), [2, 4]);
  assert.deepEqual(idsOf(await store('full', { id: HIGHEST, name: 'Last' })), [HIGHEST, 1, HIGHEST]);
});

test('generated event and race ids skip very high given ids', async () => {
  const given = (n: number) => ({ id: COUNTED + n, name: `E${n}`, races: [{ id: COUNTED + n, name: 'a' }] });
  await store('high', given(0));
  await store('high', given(2));
  const races = [{ name: 'a' }, { id: COUNTED + 4, name: 'b' }, { name: 'c' }, { name: 'd' }];
  assert.deepEqual(
    idsOf(await store('high', { name: 'New', races })),
    [1, 1, 4, 3, 5].map((n) => COUNTED + n),
  );
  assert.deepEqual(
    idsOf(await store('high', { name: 'New', races: [{ name: 'e' }] })),
    [3, 6].map((n) => COUNTED + n),
  );
});

test('the migration resets counters that very high ids had raised', async () => {
  await store('stuck', { id: 7, name: 'A', races: [{ id: 9, name: 'a' }] });
  await store('stuck', { id: HIGHEST, name: 'B', races: [{ id: HIGHEST, name: 'b' }] });
  await pool.query('update event.counter set last_event_id = $1, last_race_id = $1 where tenant = $2', [
    HIGHEST,
    'stuck',
  ]);
  await pool.query(await readFile('jobs/event/migrations/002_counter.sql', 'utf8'));
  assert.deepEqual(idsOf(await store('stuck', { name: 'C', races: [{ name: 'c' }] })), [8, 10]);
});

const FULL = {
  title: 'City Run',
  code: 'RUN26',
  externalEventId: 'run-26',
  startDateTime: '2026-11-25 08:00:00 UTC',
  endDateTime: '2026-11-25 12:00:00 UTC',
};

async function details(tenant: string, id: number): Promise<object> {
  const event = (await runAction(pool, getEvent, { id }, { tenant })) as Record<string, unknown>;
  return Object.fromEntries(Object.keys(FULL).map((name) => [name, event[name]]));
}

/** Asserts that the job fails for good with this error, and that event 1 is as it was. */
async function assertRefused(tenant: string, event: AddOrUpdateEvent, expected: object): Promise<void> {
  const before = await stored(tenant);
  await assert.rejects(store(tenant, event), (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    const { additionalMessages: _, ...options } = error.options;
    assert.deepEqual({ message: error.message, ...options }, expected);
    return true;
  });
  assert.deepEqual(await stored(tenant), before);
}

test('an update with an id changes each field that is sent, and no other', async () => {
  const { id } = await store('partial', FULL);
  assert.deepEqual(await details('partial', id), FULL);
  const changes = {
    title: 'Town Run',
    code: 'TOWN',
    externalEventId: 'town',
    startDateTime: '2026-11-25 09:00:00 UTC',
    endDateTime: '2026-11-26 00:00:00 UTC',
  };
  let expected = FULL;
  for (const [name, value] of Object.entries(changes)) {
    await store('partial', { id, [name]: value });
    expected = { ...expected, [name]: value };
    assert.deepEqual(await details('partial', id), expected);
  }
  await store('partial', { id });
  assert.deepEqual(await details('partial', id), changes);
  await store('partial', { id, externalEventId: null, startDateTime: null, endDateTime: null });
  assert.deepEqual(await details('partial', id), {
    ...changes,
    externalEventId: null,
    startDateTime: null,
    endDateTime: null,
  });
});

test('a date without UTC is in UTC, whatever the time zone of the database session', async () => {
  const client = await pool.connect();
  try {
    await client.query("set time zone 'Australia/Sydney'");
    const lone = { connect: async () => client, query: client.query.bind(client) } as unknown as typeof pool;
    const context = jobContext(lone, { tenant: 'zone' });
    await addOrUpdateEvent.run?.({ title: 'A', startDateTime: '2026-11-25 08:00:00' }, context);
    const event = (await getEvent.run?.({ id: 1 }, context)) as { startDateTime: string };
    assert.equal(event.startDateTime, '2026-11-25 08:00:00 UTC');
  } finally {
    client.release(true);
  }
});

test('a generated code is kept by updates, and differs between events', async () => {
  const { id, code } = await store('codes', { title: 'A' });
  assert.equal((await store('codes', { id, title: 'B' })).code, code);
  assert.notEqual((await store('codes', { title: 'A' })).code, code);
});

test('a code of another event fails the job and changes nothing; another tenant may have it', async () => {
  await store('code', { ...FULL, id: 1 });
  await assertRefused(
    'code',
    { title: 'B', code: 'RUN26' },
    { message: 'The code "RUN26" belongs to event 1' },
  );
  assert.equal((await store('code', { id: 1, code: 'RUN26' })).code, 'RUN26');
  assert.equal((await store('code-elsewhere', { title: 'B', code: 'RUN26' })).code, 'RUN26');
});

test('an id that does not exist needs a title', async () => {
  await store('new', { id: 1, title: 'A' });
  await assertRefused(
    'new',
    { id: 2, code: 'X' },
    { message: "'title' is required", errorCode: 400, specificCode: 23017 },
  );
});

test('an end before the start is refused, whether both are sent or one is stored', async () => {
  const refusal = (member: string) => ({
    message: `'${member}' does not validate`,
    errorCode: 400,
    specificCode: 23016,
  });
  await store('order', { ...FULL, id: 1 });
  await assertRefused('order', { id: 1, endDateTime: '2026-11-25 07:59:59' }, refusal('endDateTime'));
  await assertRefused('order', { id: 1, startDateTime: '2026-11-25 12:00:01' }, refusal('startDateTime'));
  const both = { title: 'B', startDateTime: '2026-01-02 00:00:00', endDateTime: '2026-01-01 00:00:00 UTC' };
  await assertRefused('order', both, refusal('endDateTime'));
  await store('order', { id: 1, endDateTime: FULL.startDateTime });
});

test('a race keeps its modified date when it is not renamed', async () => {
  const { races } = await store('race-dates', { id: 1, title: 'A', races: [{ name: 'a' }, { name: 'b' }] });
  await pool.query("update event.race set updated_at = '2020-01-01+00' where tenant = 'race-dates'");
  const [a, b] = races.map(({ id }) => id);
  assert.ok(a !== undefined && b !== undefined);
  await store('race-dates', {
    id: 1,
    races: [
      { id: a, name: 'a' },
      { id: b, name: 'c' },
    ],
  });
  const { rows } = await pool.query(
    "select name, updated_at > '2026-01-01' as renamed from event.race where tenant = 'race-dates' order by id",
  );
  assert.deepEqual(rows, [
    { name: 'a', renamed: false },
    { name: 'c', renamed: true },
  ]);
});
