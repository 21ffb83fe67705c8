/** Answers to invitations and the list of invited contacts. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { params as answerParams } from '#schemas/event/answerInvitation.ts';
import { type GetInvitedContactList, params as listParams } from '#schemas/event/getInvitedContactList.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import answerInvitation from '../../../jobs/event/answerInvitation.ts';
import getInvitedContactList from '../../../jobs/event/getInvitedContactList.ts';
import inviteContacts from '../../../jobs/event/inviteContacts.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import { testSchema } from '../../support/schema-table.ts';

const { pool } = await createDatabase({ after });

const TOKEN = '0123456789abcdef0123456789abcdef';

testSchema(answerParams, {
  base: { token: TOKEN, response: 'Y' },
  required: ['token', 'response'],
  members: {
    token: {
      good: [TOKEN],
      bad: ['', TOKEN.slice(1), `${TOKEN}0`, TOKEN.toUpperCase(), `${TOKEN}\n`, 1, null],
    },
    response: { good: ['Y', 'N'], bad: ['U', 'y', 'yes', '', null, true] },
  },
});

testSchema(listParams, {
  base: { eventId: 1, start: 0, perPage: 10 },
  required: ['eventId'],
  members: {
    eventId: { good: [1], bad: [0, '1', 1.5, null] },
    start: { good: [0, 100_000], bad: [-1, 0.5, '0', null] },
    perPage: { good: [1, 1000, 2 ** 53 - 1], bad: [0, 1.5, '10', null] },
    filter: { good: [{}, { response: 'Y' }], bad: [null, [], { respones: 'Y' }, { token: 'x' }] },
  },
});

interface List {
  meta: { totalResults: number; start: number; perPage: number; count: number };
  results: { contactId: number; response: string; modifiedDate: string }[];
}

/** An event with invited contacts in a tenant of its own, and their tokens by contact. */
async function setUp(tenant: string, contacts: number) {
  await runAction(pool, addOrUpdateEvent, { id: 4, name: 'City Run' }, { tenant });
  const ids = Array.from({ length: contacts }, (_, n) => n + 1);
  const people = ids.map((id) => ({
    id,
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: `c${id}@example.com`,
    phone: id === 1 ? '+44 1' : null,
  }));
  if (people.length > 0) await runActionMany(pool, addOrUpdateContact, people, { tenant });
  const { results } = (await runAction(
    pool,
    inviteContacts,
    { event: 4, contacts: ids.toReversed() },
    { tenant },
  )) as { results: { contact: number; inviteLinkYes: string }[] };
  const tokens = new Map(
    results.map(({ contact, inviteLinkYes }) => [contact, inviteLinkYes.split('/').at(-2) ?? '']),
  );
  return {
    answer: (contact: number, response: 'Y' | 'N') =>
      runAction(pool, answerInvitation, { token: tokens.get(contact) ?? TOKEN, response }, { tenant }),
    list: async (page: Partial<GetInvitedContactList> = {}) =>
      (await runAction(pool, getInvitedContactList, { eventId: 4, ...page }, { tenant })) as List,
  };
}

test('an invited contact is listed undecided, with all of its fields', async () => {
  const { list } = await setUp('fields', 2);
  const { meta, results } = await list();
  assert.deepEqual(meta, { totalResults: 2, start: 0, perPage: 100, count: 2 });
  const modifiedDate = results[0]?.modifiedDate ?? '';
  assert.match(modifiedDate, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  assert.ok(Math.abs(Date.parse(modifiedDate) - Date.now()) < 60_000);
  assert.deepEqual(results[0], {
    eventId: 4,
    contactId: 1,
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: 'c1@example.com',
    phone: '+44 1',
    response: 'U',
    registrationId: null,
    modifiedDate,
  });
  assert.equal((results[1] as { phone?: unknown }).phone, null);
});

const PAGES: [Partial<GetInvitedContactList>, number[]][] = [
  [{}, [1, 2, 3, 4, 5]],
  [{ start: 0, perPage: 2 }, [1, 2]],
  [{ start: 2, perPage: 2 }, [3, 4]],
  [{ start: 4, perPage: 2 }, [5]],
  [{ start: 3 }, [4, 5]],
  [{ start: 5, perPage: 2 }, []],
  [{ perPage: 250 }, [1, 2, 3, 4, 5]],
];
test('the list of invited contacts is paged by contact', async (t) => {
  const { list } = await setUp('pages', 5);
  for (const [page, expected] of PAGES)
    await t.test(`a page of ${JSON.stringify(page)} has contacts ${expected}`, async () => {
      const { meta, results } = await list(page);
      assert.deepEqual(
        results.map(({ contactId }) => contactId),
        expected,
      );
      const { start = 0, perPage = 100 } = page;
      assert.deepEqual(meta, { totalResults: 5, start, perPage, count: expected.length });
    });
});

test('a list of invited contacts has at most 250 in a page, as its meta says', async () => {
  const { list } = await setUp('cap', 251);
  const { meta, results } = await list({ perPage: 1000 });
  assert.deepEqual(meta, { totalResults: 251, start: 0, perPage: 250, count: 250 });
  assert.equal(results.length, 250);
});

test('the list of invited contacts is filtered by their fields and their answers', async () => {
  const { answer, list } = await setUp('filtered', 3);
  await answer(2, 'Y');
  const contactsOf = async (filter: GetInvitedContactList['filter']) =>
    (await list(filter && { filter })).results.map(({ contactId }) => contactId);
  assert.deepEqual(await contactsOf({ response: 'Y' }), [2]);
  assert.deepEqual(await contactsOf({ response__NOT: 'y' }), [1, 3]);
  assert.deepEqual(await contactsOf({ email__BEGINS: 'C3@', lastName: 'LOVELACE' }), [3]);
  assert.deepEqual(await contactsOf({ phone__EMPTY: true, contactId__LESSTHAN: 2 }), [2]);
  assert.deepEqual((await list({ filter: { phone: '__ISNULL__' }, perPage: 1 })).meta, {
    totalResults: 2,
    start: 0,
    perPage: 1,
    count: 1,
  });
});

test('an event without invited contacts has an empty list', async () => {
  const { list } = await setUp('empty', 0);
  assert.deepEqual(await list(), {
    meta: { totalResults: 0, start: 0, perPage: 100, count: 0 },
    results: [],
  });
});

test('the list of an unknown event fails for good', async () => {
  const { list } = await setUp('unknown', 0);
  await assert.rejects(list({ eventId: 5 }), NonRetryableError);
});

test('an answer is recorded, and may be changed', async () => {
  const { answer, list } = await setUp('answers', 3);
  assert.deepEqual(await answer(2, 'Y'), { contact: 2, event: 4, response: 'Y' });
  assert.deepEqual(await answer(3, 'N'), { contact: 3, event: 4, response: 'N' });
  assert.deepEqual(await responses(list), ['U', 'Y', 'N']);
  assert.deepEqual(await answer(2, 'N'), { contact: 2, event: 4, response: 'N' });
  assert.deepEqual(await responses(list), ['U', 'N', 'N']);
});

test('a different answer changes the modified date, and a repeated one does not', async () => {
  const { answer, list } = await setUp('modified', 1);
  await pool.query(
    "update event.invitation set modified_at = '2020-02-29 23:59:58.9+00' where tenant = 'modified'",
  );
  assert.equal((await list()).results[0]?.modifiedDate, '2020-02-29 23:59:58 UTC');
  await answer(1, 'Y');
  const answered = (await list()).results[0]?.modifiedDate ?? '';
  assert.ok(answered > '2026');
  await pool.query(
    "update event.invitation set modified_at = '2020-02-29 23:59:58+00' where tenant = 'modified'",
  );
  await answer(1, 'Y');
  assert.equal((await list()).results[0]?.modifiedDate, '2020-02-29 23:59:58 UTC');
});

test('an unknown token and another tenant’s token fail with 404', async () => {
  const { answer } = await setUp('tokens', 1);
  const { rows } = await pool.query("select token from event.invitation where tenant = 'tokens'");
  const { token } = rows[0];
  const elsewhere = () =>
    runAction(pool, answerInvitation, { token, response: 'Y' }, { tenant: 'elsewhere' });
  for (const attempt of [() => answer(99, 'Y'), elsewhere])
    await assert.rejects(attempt, (error: unknown) => {
      assert.ok(error instanceof NonRetryableError);
      assert.equal(error.options.errorCode, 404);
      return true;
    });
});

async function responses(list: () => Promise<List>): Promise<string[]> {
  return (await list()).results.map(({ response }) => response);
}
