import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Participant } from '#schemas/participants/storeMultiple.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import storeMultiple from '../../../jobs/participants/storeMultiple.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { type ActionRun, runAction } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';

const { pool } = await createDatabase({ after });

async function addEvent(tenant = 'default'): Promise<{ id: number; races: { id: number }[] }> {
  const params = { name: 'City Run', races: [{ name: '10 km' }, { name: '5 km' }] };
  return (await runAction(pool, addOrUpdateEvent, params, { tenant })) as Awaited<
    ReturnType<typeof addEvent>
  >;
}

/** A new event, and participants of its first race. */
async function setUp(tenant = 'default') {
  const { id: event_id, races } = await addEvent(tenant);
  const race_id = races[0]?.id ?? 0;
  const participant = (unique_id: string, fields: Partial<Participant> = {}): Participant => ({
    unique_id,
    first_name: 'John',
    last_name: 'Doe',
    date_of_birth: '2001-01-01',
    race_id,
    ...fields,
  });
  const store = (participants: Participant[], run: ActionRun = {}) =>
    runAction(pool, storeMultiple, { event_id, participants }, { tenant, ...run });
  const stored = async () => {
    const { rows } = await pool.query(
      `select unique_id, first_name, last_name, date_of_birth::text, race_id, country_code, team_name,
         start_number, chip_code, gender, state
       from participants.participant where tenant = $1 and event_id = $2 order by unique_id collate "C"`,
      [tenant, event_id],
    );
    return rows as Required<Participant>[];
  };
  return { event_id, races, participant, store, stored };
}

test('a participant is stored with all of its fields', async () => {
  const { participant, races, store, stored } = await setUp();
  const full = {
    ...participant('A-1_b'),
    first_name: 'Zoë "\\ 😀',
    last_name: "O'Neill\n",
    date_of_birth: '2000-02-29',
    race_id: races[1]?.id ?? 0,
    country_code: 'NLD',
    team_name: 'The {runners}, "A"',
    start_number: '12',
    chip_code: '0000001',
    gender: 'neutral',
    state: 'did_not_finish',
  } as const;
  assert.deepEqual(await store([full]), { stored: 1, inserted: 1, updated: 0 });
  assert.deepEqual(await stored(), [full]);
});

test('optional fields that are absent or null are stored as null', async () => {
  const { participant, store, stored } = await setUp();
  const nothing = {
    country_code: null,
    team_name: null,
    start_number: null,
    chip_code: null,
    gender: null,
    state: null,
  };
  await store([participant('absent'), participant('null', nothing)]);
  assert.deepEqual(await stored(), [
    { ...participant('absent'), ...nothing },
    { ...participant('null'), ...nothing },
  ]);
});

test('country codes are stored in upper case', async () => {
  const { participant, store, stored } = await setUp();
  await store([participant('1', { country_code: 'nl' }), participant('2', { country_code: 'iTa' })]);
  assert.deepEqual(
    (await stored()).map(({ country_code }) => country_code),
    ['NL', 'ITA'],
  );
});

test('a known unique_id is updated, a new one inserted', async () => {
  const { participant, store, stored } = await setUp();
  await store([participant('1'), participant('2')]);
  const answer = await store([participant('2', { first_name: 'Jane' }), participant('3')]);
  assert.deepEqual(answer, { stored: 2, inserted: 1, updated: 1 });
  assert.deepEqual(
    (await stored()).map(({ unique_id, first_name }) => [unique_id, first_name]),
    [
      ['1', 'John'],
      ['2', 'Jane'],
      ['3', 'John'],
    ],
  );
});

test('an update keeps absent optional fields and clears those that are null', async () => {
  const { participant, store, stored } = await setUp();
  await store([participant('1', { chip_code: '0000001', team_name: 'A', state: 'before' })]);
  await store([participant('1', { team_name: null, state: 'finished' })]);
  const [row] = await stored();
  assert.deepEqual([row?.chip_code, row?.team_name, row?.state], ['0000001', null, 'finished']);
});

test('of several rows with one unique_id the later updates the earlier, and they count as one', async () => {
  const { participant, store, stored } = await setUp();
  const rows = [
    participant('1', { team_name: 'A', state: 'before' }),
    participant('2'),
    participant('1', { first_name: 'Jane', state: 'after' }),
  ];
  assert.deepEqual(await store(rows), { stored: 2, inserted: 2, updated: 0 });
  const [first] = await stored();
  assert.deepEqual([first?.first_name, first?.team_name, first?.state], ['Jane', 'A', 'after']);
});

test('an empty array stores nothing', async () => {
  const { store, stored } = await setUp();
  assert.deepEqual(await store([]), { stored: 0, inserted: 0, updated: 0 });
  assert.deepEqual(await stored(), []);
});

test('the same unique_id is another participant in another event and in another tenant', async () => {
  const one = await setUp();
  const other = await setUp();
  const foreign = await setUp('acme');
  for (const { participant, store } of [one, other, foreign])
    assert.deepEqual(await store([participant('1')]), { stored: 1, inserted: 1, updated: 0 });
});

test('an unknown event fails the job for good, another tenant’s too', async () => {
  const { event_id, participant } = await setUp();
  const run = (event: number, tenant: string) =>
    runAction(pool, storeMultiple, { event_id: event, participants: [participant('1')] }, { tenant });
  for (const [event, tenant] of [
    [999_999, 'default'],
    [event_id, 'nobody'],
  ] as const)
    await assert.rejects(run(event, tenant), (error: unknown) => {
      assert.ok(error instanceof NonRetryableError);
      assert.equal(error.message, `There is no event ${event}`);
      assert.equal(error.options.errorCode, 404);
      return true;
    });
});

test('rows with a race of another event fail the job and are named, and nothing is stored', async () => {
  const { event_id, participant, store, stored } = await setUp();
  const { races } = await addEvent();
  const foreign = races[0]?.id ?? 0;
  const rows = [
    participant('1'),
    participant('2', { race_id: foreign }),
    participant('3', { race_id: 2 ** 53 - 1 }),
  ];
  await assert.rejects(store(rows), (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    assert.equal(error.message, `2 participants name a race that event ${event_id} does not have`);
    assert.deepEqual(error.options.additionalMessages, [
      `participants[1].race_id ${foreign} is not a race of event ${event_id}`,
      `participants[2].race_id 9007199254740991 is not a race of event ${event_id}`,
    ]);
    return true;
  });
  assert.deepEqual(await stored(), []);
});

test('the first hundred rows with an unknown race are named, and the rest is counted', async () => {
  const { participant, store } = await setUp();
  const rows = Array.from({ length: 250 }, (_, n) => participant(String(n), { race_id: 777_777 }));
  await assert.rejects(store(rows), (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    const messages = error.options.additionalMessages ?? [];
    assert.equal(messages.length, 101);
    assert.match(messages[99] ?? '', /^participants\[99\]\.race_id 777777 /);
    assert.equal(messages[100], 'and 150 more');
    return true;
  });
});

test('many participants are stored in slices, with progress after each', async () => {
  const { participant, store, stored } = await setUp();
  const rows = Array.from({ length: 4500 }, (_, n) => participant(`p${n}`));
  const progress: [number, number][] = [];
  assert.deepEqual(await store(rows, { progress }), { stored: 4500, inserted: 4500, updated: 0 });
  assert.deepEqual(progress, [
    [2000, 4500],
    [4000, 4500],
    [4500, 4500],
  ]);
  assert.equal((await stored()).length, 4500);
});

test('rows with different fields are stored in one job', async () => {
  const { participant, store, stored } = await setUp();
  const rows = [
    participant('1', { gender: 'male' }),
    participant('2', { state: 'before' }),
    participant('3', { gender: 'female', state: null }),
  ];
  assert.deepEqual(await store(rows), { stored: 3, inserted: 3, updated: 0 });
  assert.deepEqual(
    (await stored()).map(({ gender, state }) => [gender, state]),
    [
      ['male', null],
      [null, 'before'],
      ['female', null],
    ],
  );
});

test('an aborted run stores nothing', async () => {
  const { participant, store, stored } = await setUp();
  const abort = new AbortController();
  const progress = { push: () => abort.abort(new Error('enough')) } as unknown as [number, number][];
  const rows = Array.from({ length: 2500 }, (_, n) => participant(`p${n}`));
  await assert.rejects(store(rows, { progress, signal: abort.signal }), /enough/);
  assert.deepEqual(await stored(), []);
});

test('two imports of the same participants in opposite order both succeed', async () => {
  const { participant, store, stored } = await setUp();
  const rows = Array.from({ length: 4000 }, (_, n) => participant(`p${n}`));
  const answers = await Promise.all([store(rows), store(rows.toReversed())]);
  assert.deepEqual(
    answers.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    [
      { stored: 4000, inserted: 0, updated: 4000 },
      { stored: 4000, inserted: 4000, updated: 0 },
    ],
  );
  assert.equal((await stored()).length, 4000);
});
