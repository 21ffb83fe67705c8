/** `contact.getContactList` and `contact.getContact`, with every suffix of a filter. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { params as contactParams } from '#schemas/contact/getContact.ts';
import { params as listParams } from '#schemas/contact/getContactList.ts';
import type { Filter } from '#schemas/lib/lists.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import getContact from '../../../jobs/contact/getContact.ts';
import getContactList from '../../../jobs/contact/getContactList.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { createCompiler } from '../../../src/validation/check-params.ts';
import { runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';
import { testSchema } from '../../support/schema-table.ts';

const { pool } = await createDatabase({ after });

testSchema(contactParams, {
  base: { id: 1 },
  required: ['id'],
  members: { id: { good: [1], bad: [0, '1', 'wrong', 1.5, null] } },
});

testSchema(listParams, {
  base: {},
  required: [],
  members: {
    start: { good: [0, 2 ** 53 - 1], bad: [-1, 0.5, '0', null] },
    perPage: { good: [1, 2 ** 53 - 1], bad: [0, 1.5, '10', null] },
    filter: {
      good: [{}, { status: 2 }, { status: '2' }, { status: '__ISNULL__' }, { firstName: 'x'.repeat(1000) }],
      bad: [
        null,
        [],
        'x',
        { fistName: 'Bob' },
        { venueId: 1 },
        { firstName__begins: 'B' },
        { firstName__: 'B' },
        { __proto: 1 },
        { firstName__BEGINS__NOT: 'B' },
        { fromModifiedDate__NOT: '2026-01-01 00:00:00' },
        { fromModifiedDate: '__ISNULL__' },
        { toModifiedDate: '2026-02-30 00:00:00' },
        { modifiedDate: 'yesterday' },
        { modifiedDate__BEGINS: '2026' },
        { status__CONTAINS: 1 },
        { status: 1.5 },
        { status: 2 ** 53 },
        { status: 'subscribed' },
        { status__LESSTHAN: '__ISNULL__' },
        { firstName: null },
        { firstName: ['Bob'] },
        { firstName: 'x'.repeat(1001) },
        { firstName: 'a\u0000' },
        { firstName: '\ud83d' },
        { phone__EMPTY: 'no' },
        { phone__EMPTY: null },
      ],
    },
  },
});

test('a filter with a member named __proto__ is refused', () => {
  const validate = createCompiler()(listParams);
  assert.equal(validate(JSON.parse('{"filter":{}}')), true);
  assert.equal(validate(JSON.parse('{"filter":{"__proto__":"a"}}')), false);
});

const tenant = 'lists';
const PEOPLE = [
  { firstName: 'Bob', lastName: 'Ängström', email: 'bob@example.com', phone: '+44 1', externalId: 'X-1' },
  { firstName: 'bobby', lastName: 'O’Neill 100%', email: 'BOBBY@example.org', phone: '', status: 2 as const },
  { firstName: 'Alice', lastName: 'under_score', email: 'alice@example.com', externalId: 'x-2' },
  { firstName: 'Zoë', lastName: "back\\slash'", email: 'zoe@sub.example.com', phone: '7' },
];

before(async () => {
  await runActionMany(pool, addOrUpdateContact, PEOPLE, { tenant });
  await runActionMany(pool, addOrUpdateContact, PEOPLE.slice(1), { tenant: 'other' });
  await pool.query(
    `update contact.contact
     set created_at = '2020-02-29 23:59:58.9+00', updated_at = '2021-01-01 00:00:00.7+00'::timestamptz + id * interval '1 s'`,
  );
});

async function listed(params: object): Promise<Json> {
  return runAction(pool, getContactList, params, { tenant });
}

test('the list of contacts has all of their fields, by id, and none of another tenant', async () => {
  const { meta, results } = await listed({});
  assert.deepEqual(meta, { totalResults: 4, start: 0, perPage: 100, count: 4 });
  const expected = PEOPLE.map((person, index) => ({
    id: index + 1,
    phone: null,
    externalId: null,
    status: 1,
    ...person,
    createdDate: '2020-02-29 23:59:58 UTC',
    modifiedDate: `2021-01-01 00:00:0${index + 1} UTC`,
  }));
  assert.deepEqual(results, expected);
});

test('a contact has the fields of the list, and an unknown id fails for good with 404', async () => {
  const { results } = await listed({});
  for (const contact of results)
    assert.deepEqual(await runAction(pool, getContact, { id: contact.id }, { tenant }), contact);
  for (const stranger of [
    { id: 5, in: tenant },
    { id: 4, in: 'other' },
  ])
    await assert.rejects(
      runAction(pool, getContact, { id: stranger.id }, { tenant: stranger.in }),
      (error) => {
        assert.ok(error instanceof NonRetryableError);
        assert.equal(error.message, `There is no contact ${stranger.id}`);
        assert.deepEqual(error.options, { errorCode: 404, specificCode: 24096 });
        return true;
      },
    );
});

test('contacts are paged from a zero-based record, at most 250 at once', async () => {
  const page = async (params: object) => {
    const { meta, results } = await listed(params);
    return [meta.totalResults, meta.start, meta.perPage, meta.count, ...results.map((one: Json) => one.id)];
  };
  assert.deepEqual(await page({ start: 1, perPage: 2 }), [4, 1, 2, 2, 2, 3]);
  assert.deepEqual(await page({ start: 3, perPage: 2 }), [4, 3, 2, 1, 4]);
  assert.deepEqual(await page({ start: 4 }), [4, 4, 100, 0]);
  assert.deepEqual(await page({ perPage: 251 }), [4, 0, 250, 4, 1, 2, 3, 4]);
});

test('a page of the largest contacts fits into a response', async () => {
  const wide = '😀'.repeat(255);
  const largest = { firstName: wide, lastName: wide, phone: '😀'.repeat(50), externalId: wide };
  const email = `${'x'.repeat(60)}@${'y'.repeat(60)}.example.com`;
  const people = Array.from({ length: 250 }, () => ({ ...largest, email }));
  await runActionMany(pool, addOrUpdateContact, people, { tenant: 'wide' });
  const page = await runAction(pool, getContactList, { perPage: 1000 }, { tenant: 'wide' });
  assert.equal((page as Json).meta.count, 250);
  // 190 more characters are allowed in an e-mail address.
  assert.ok(Buffer.byteLength(JSON.stringify(page)) + 250 * 190 < 1024 * 1024);
});

const FILTERS: [Filter, number[]][] = [
  [{}, [1, 2, 3, 4]],
  [{ firstName: 'BOB' }, [1]],
  [{ firstName: 'zoË' }, [4]],
  [{ lastName: 'ängSTRÖM' }, [1]],
  [{ firstName__CONTAINS: 'OB' }, [1, 2]],
  [{ lastName__CONTAINS: '%' }, [2]],
  [{ lastName__CONTAINS: '_' }, [3]],
  [{ lastName__CONTAINS: "\\slash'" }, [4]],
  [{ firstName__CONTAINS: '' }, [1, 2, 3, 4]],
  [{ firstName__NOTCONTAINS: 'OB' }, [3, 4]],
  [{ phone__NOTCONTAINS: '4' }, [2, 3, 4]],
  [{ firstName__BEGINS: 'b' }, [1, 2]],
  [{ firstName__BEGINS: 'ob' }, []],
  [{ email__ENDS: '.COM' }, [1, 3, 4]],
  [{ email__ENDS: '@example.com' }, [1, 3]],
  [{ firstName__LESSTHAN: 'Bob' }, [1, 3]],
  [{ firstName__GREATERTHAN: 'BOBBY' }, [2, 4]],
  [{ firstName__NOT: 'bob' }, [2, 3, 4]],
  [{ phone__NOT: '7' }, [1, 2, 3]],
  [{ phone: '__ISNULL__' }, [3]],
  [{ phone__NOT: '__ISNULL__' }, [1, 2, 4]],
  [{ firstName__CONTAINS: '__ISNULL__' }, []],
  [{ phone__EMPTY: true }, [2, 3]],
  [{ phone__EMPTY: 1 }, [2, 3]],
  [{ phone__EMPTY: '' }, [2, 3]],
  [{ phone__EMPTY: false }, [1, 4]],
  [{ phone__EMPTY: 0 }, [1, 4]],
  [{ status: 2 }, [2]],
  [{ status: '1' }, [1, 3, 4]],
  [{ status__NOT: 1 }, [2]],
  [{ status__EMPTY: true }, []],
  [{ id: 3 }, [3]],
  [{ id__LESSTHAN: 2 }, [1, 2]],
  [{ id__GREATERTHAN: 2 }, [2, 3, 4]],
  [{ id__GREATERTHAN: 2 ** 53 - 1 }, []],
  [{ id__LESSTHAN: -5 }, []],
  [{ externalId: 'X-2' }, [3]],
  [{ externalId__EMPTY: false }, [1, 3]],
  [{ modifiedDate: '2021-01-01 00:00:02' }, [2]],
  [{ modifiedDate__LESSTHAN: '2021-01-01 00:00:02 UTC' }, [1, 2]],
  [{ modifiedDate__GREATERTHAN: '2021-01-01 00:00:03' }, [3, 4]],
  [{ modifiedDate__NOT: '2021-01-01 00:00:03 UTC' }, [1, 2, 4]],
  [{ fromModifiedDate: '2021-01-01 00:00:02 UTC' }, [2, 3, 4]],
  [{ toModifiedDate: '2021-01-01 00:00:03' }, [1, 2, 3]],
  [{ fromModifiedDate: '2021-01-01 00:00:02', toModifiedDate: '2021-01-01 00:00:03' }, [2, 3]],
  [{ createdDate: '2020-02-29 23:59:58' }, [1, 2, 3, 4]],
  [{ firstName__BEGINS: 'b', email__ENDS: '.org' }, [2]],
  [{ firstName: 'Bob', firstName__NOT: 'bob' }, []],
  [{ firstName: "'; drop table contact.contact; --" }, []],
];
describe('a filter of contacts', () => {
  for (const [filter, expected] of FILTERS)
    test(`${JSON.stringify(filter)} finds ${expected.length > 0 ? expected : 'nobody'}`, async () => {
      const { meta, results } = await listed({ filter });
      assert.deepEqual(
        results.map(({ id }: { id: number }) => id),
        expected,
      );
      assert.equal(meta.totalResults, expected.length);
    });
});
