/** `event.getEventList`, `event.getEvent` and `event.getRaceList`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { params as eventParams } from '#schemas/event/getEvent.ts';
import { params as listParams } from '#schemas/event/getEventList.ts';
import { params as raceParams } from '#schemas/event/getRaceList.ts';
import type { Filter } from '#schemas/lib/lists.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import answerInvitation from '../../../jobs/event/answerInvitation.ts';
import getEvent from '../../../jobs/event/getEvent.ts';
import getEventList from '../../../jobs/event/getEventList.ts';
import getRaceList from '../../../jobs/event/getRaceList.ts';
import inviteContacts from '../../../jobs/event/inviteContacts.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';
import { testSchema } from '../../support/schema-table.ts';

const { pool } = await createDatabase({ after });

const PAGE = {
  start: { good: [0, 2 ** 53 - 1], bad: [-1, 0.5, '0', null] },
  perPage: { good: [1, 2 ** 53 - 1], bad: [0, 1.5, '10', null] },
};
const NOT_INCLUDED = { good: [false], bad: [true, null, 0, 'false'] };

testSchema(eventParams, {
  base: { id: 1 },
  required: ['id'],
  members: { id: { good: [1], bad: [0, '1', 'wrong', 1.5, null] } },
});

testSchema(listParams, {
  base: {},
  required: [],
  members: {
    ...PAGE,
    filter: {
      good: [
        {},
        { title__CONTAINS: 'a' },
        { afterDate: '2026-01-01 00:00:00', numRegistered__GREATERTHAN: 1 },
      ],
      bad: [
        null,
        [],
        { titel: 'a' },
        { name: 'a' },
        { title__LIKE: 'a' },
        { title__contains: 'a' },
        { id__CONTAINS: '1' },
        { afterDate: '2026-02-30 00:00:00' },
        { afterDate__NOT: '2026-01-01 00:00:00' },
        { title: 1 },
        { title: '\u0000' },
        { numRegistered: 'many' },
        { numRegistered: 1.5 },
        { title__EMPTY: 'yes' },
        { startDateTime__LESSTHAN: '__ISNULL__' },
      ],
    },
    includeVenueDetails: NOT_INCLUDED,
    includeTicketDetails: NOT_INCLUDED,
    includeInformationDetails: NOT_INCLUDED,
    includeHomepageContent: NOT_INCLUDED,
  },
});

testSchema(raceParams, {
  base: {},
  required: [],
  members: { ...PAGE, eventId: { good: [1], bad: [0, '1', null, 1.5] } },
});

const tenant = 'lists';

before(async () => {
  const events = [
    { id: 1, title: 'City Run', code: 'RUN', externalEventId: 'run', startDateTime: '2026-01-01 10:00:00' },
    { id: 2, title: 'Straßenlauf', races: [{ name: '10 km' }, { name: '5 km' }] },
    { id: 3, title: 'city walk', endDateTime: '2026-03-01 10:00:00', races: [{ name: '5 km' }] },
  ];
  for (const event of events) await runAction(pool, addOrUpdateEvent, event, { tenant });
  await runAction(pool, addOrUpdateEvent, { title: 'Elsewhere' }, { tenant: 'other' });
  const people = [1, 2].map((id) => ({ id, firstName: 'A', lastName: 'B', email: 'a@example.com' }));
  await runActionMany(pool, addOrUpdateContact, people, { tenant });
  const invited = (await runAction(pool, inviteContacts, { event: 3, contacts: [1, 2] }, { tenant })) as Json;
  const token = invited.results[0].inviteLinkYes.split('/').at(-2);
  await runAction(pool, answerInvitation, { token, response: 'Y' }, { tenant });
  await pool.query(
    "update event.event set created_at = '2020-02-29 23:59:58.9+00', updated_at = '2021-02-28 01:02:03.4+00'",
  );
});

async function listed(params: object): Promise<Json> {
  return runAction(pool, getEventList, params, { tenant });
}

test('the list of events has all of their fields, by id, and none of another tenant', async () => {
  const { meta, results } = await listed({});
  assert.deepEqual(meta, { totalResults: 3, start: 0, perPage: 100, count: 3 });
  assert.deepEqual(
    results.map(({ id }: { id: number }) => id),
    [1, 2, 3],
  );
  assert.deepEqual(results[0], {
    id: 1,
    code: 'RUN',
    title: 'City Run',
    externalEventId: 'run',
    startDateTime: '2026-01-01 10:00:00 UTC',
    endDateTime: null,
    numRegistered: 0,
    createdDate: '2020-02-29 23:59:58 UTC',
    modifiedDate: '2021-02-28 01:02:03 UTC',
  });
});

test('an event has the fields of the list, and an unknown id fails for good with 404', async () => {
  const { results } = await listed({});
  for (const event of results)
    assert.deepEqual(await runAction(pool, getEvent, { id: event.id }, { tenant }), event);
  for (const stranger of [
    { id: 4, in: tenant },
    { id: 2, in: 'other' },
  ])
    await assert.rejects(runAction(pool, getEvent, { id: stranger.id }, { tenant: stranger.in }), (error) => {
      assert.ok(error instanceof NonRetryableError);
      assert.equal(error.message, `There is no event ${stranger.id}`);
      assert.deepEqual(error.options, { errorCode: 404, specificCode: 24097 });
      return true;
    });
});

test('events are paged from a zero-based record, at most 250 at once', async () => {
  const page = async (params: object) => {
    const { meta, results } = await listed(params);
    return [
      meta.totalResults,
      meta.start,
      meta.perPage,
      meta.count,
      ...results.map((event: Json) => event.id),
    ];
  };
  assert.deepEqual(await page({ start: 1, perPage: 1 }), [3, 1, 1, 1, 2]);
  assert.deepEqual(await page({ start: 2, perPage: 2 }), [3, 2, 2, 1, 3]);
  assert.deepEqual(await page({ start: 2 ** 53 - 1 }), [3, 2 ** 53 - 1, 100, 0]);
  assert.deepEqual(await page({ perPage: 2 ** 53 - 1 }), [3, 0, 250, 3, 1, 2, 3]);
  assert.deepEqual(await page({ perPage: 1, filter: { id__GREATERTHAN: 2 } }), [2, 0, 1, 1, 2]);
});

const FILTERS: [Filter, number[]][] = [
  [{ title: 'CITY RUN' }, [1]],
  [{ title__BEGINS: 'City' }, [1, 3]],
  [{ title__CONTAINS: 'SSE' }, []],
  [{ title__CONTAINS: 'ßENL' }, [2]],
  [{ title__BEGINS: 'city', title__ENDS: 'walk' }, [3]],
  [{ code: 'run' }, [1]],
  [{ externalEventId: 'run' }, [1]],
  [{ externalEventId__EMPTY: true }, [2, 3]],
  [{ startDateTime: '2026-01-01 10:00:00 UTC' }, [1]],
  [{ startDateTime__NOT: '2026-01-01 10:00:00' }, [2, 3]],
  [{ startDateTime: '__ISNULL__' }, [2, 3]],
  [{ endDateTime__NOT: '__ISNULL__' }, [3]],
  [{ endDateTime__EMPTY: 0 }, [3]],
  [{ afterDate: '2026-01-01 10:00:00' }, [1]],
  [{ afterDate: '2026-01-01 10:00:01' }, []],
  [{ beforeDate: '2026-03-01 10:00:00 UTC' }, [3]],
  [{ beforeDate: '2026-03-01 09:59:59 UTC' }, []],
  [{ numRegistered__GREATERTHAN: 1 }, [3]],
  [{ numRegistered: '0' }, [1, 2]],
  [{ createdDate: '2020-02-29 23:59:58' }, [1, 2, 3]],
  [{ modifiedDate__LESSTHAN: '2021-02-28 01:02:02' }, []],
  [{ modifiedDate__GREATERTHAN: '2021-02-28 01:02:03' }, [1, 2, 3]],
];
describe('a filter of events', () => {
  for (const [filter, expected] of FILTERS)
    test(`${JSON.stringify(filter)} finds ${expected}`, async () => {
      const { meta, results } = await listed({ filter });
      assert.deepEqual(
        results.map(({ id }: { id: number }) => id),
        expected,
      );
      assert.equal(meta.totalResults, expected.length);
    });
});

test('races are listed with their dates, of one event or of all', async () => {
  const races = async (params: object) => (await runAction(pool, getRaceList, params, { tenant })) as Json;
  const { meta, results } = await races({});
  assert.deepEqual(meta, { totalResults: 3, start: 0, perPage: 100, count: 3 });
  const { createdDate, modifiedDate, ...race } = results[2];
  assert.deepEqual(race, { id: 3, eventId: 3, name: '5 km' });
  for (const date of [createdDate, modifiedDate]) assert.match(date, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  const second = await races({ eventId: 2, start: 1, perPage: 1 });
  assert.deepEqual(second.meta, { totalResults: 2, start: 1, perPage: 1, count: 1 });
  assert.equal(second.results[0].name, '5 km');
  assert.deepEqual((await races({ eventId: 1 })).results, []);
  await assert.rejects(races({ eventId: 9 }), /There is no event 9/);
});
