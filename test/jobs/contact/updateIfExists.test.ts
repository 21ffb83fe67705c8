/** `contact.addOrUpdateContact` with `updateIfExists`: a contact is recognised by its names and e-mail address. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { AddOrUpdateContact } from '#schemas/contact/addOrUpdateContact.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import { runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';

const { pool } = await createDatabase({ after });

const ADA = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' };
const AGAIN = { ...ADA, updateIfExists: true };

/** Runs the jobs together; returns the ids. */
async function store(tenant: string, ...contacts: AddOrUpdateContact[]): Promise<number[]> {
  const responses = await runActionMany(pool, addOrUpdateContact, contacts, { tenant });
  return responses.map((response) => {
    if (response instanceof Error) throw response;
    return (response as { id: number }).id;
  });
}

async function contactsOf(tenant: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select concat_ws(' ', id, first_name, last_name, phone) as text from contact.contact where tenant = $1 order by id`,
    [tenant],
  );
  return rows.map(({ text }) => text);
}

test('the contact of the same names and e-mail address is updated', async () => {
  assert.deepEqual(await store('same', ADA), [1]);
  assert.deepEqual(await store('same', { ...AGAIN, phone: '1' }), [1]);
  assert.deepEqual(await contactsOf('same'), ['1 Ada Lovelace 1']);
});

test('names and the e-mail address compare without case, and are stored as sent', async () => {
  await store('case', { firstName: 'ÄDA', lastName: 'LOVELACE', email: 'ADA@EXAMPLE.COM' });
  assert.deepEqual(await store('case', { ...AGAIN, firstName: 'Äda' }), [1]);
  assert.deepEqual(await contactsOf('case'), ['1 Äda Lovelace']);
});

test('names compare in the same way with a stored contact and with one of the same batch', async () => {
  for (const [index, [one, other]] of [
    ['\u0130x', 'ix'],
    ['\u0130x', 'i\u0307x'],
    ['\u0391\u03a3', '\u03b1\u03c3'],
    ['\u0391\u03a3', '\u03b1\u03c2'],
  ].entries()) {
    const contacts = [one, other].map((firstName) => ({ ...AGAIN, firstName: String(firstName) }));
    const apart: number[] = [];
    for (const contact of contacts) apart.push(...(await store(`apart ${index}`, contact)));
    assert.deepEqual(await store(`together ${index}`, ...contacts), apart);
  }
});

test('a contact that differs in one of the three is another one', async () => {
  await store('other', ADA);
  const others = [{ firstName: 'Adam' }, { lastName: 'Lovelac' }, { email: 'ada@example.org' }];
  for (const [index, other] of others.entries())
    assert.deepEqual(await store('other', { ...AGAIN, ...other }), [index + 2]);
});

test('without updateIfExists, or with false, a second contact is added', async () => {
  await store('off', ADA);
  assert.deepEqual(await store('off', ADA, { ...ADA, updateIfExists: false }), [2, 3]);
});

test('of several such contacts the one with the lowest id is updated', async () => {
  await store('several', { ...ADA, id: 7 }, { ...ADA, id: 3 }, { ...ADA, id: 5 });
  assert.deepEqual(await store('several', { ...AGAIN, phone: '1' }), [3]);
  assert.deepEqual(await contactsOf('several'), ['3 Ada Lovelace 1', '5 Ada Lovelace', '7 Ada Lovelace']);
});

test('with an id, the contact with that id is updated, whatever the names', async () => {
  await store('id', ADA, { ...ADA, email: 'second@example.com' });
  assert.deepEqual(await store('id', { ...AGAIN, id: 2, phone: '2' }, { ...AGAIN, id: 9 }), [2, 9]);
  assert.deepEqual(await contactsOf('id'), ['1 Ada Lovelace', '2 Ada Lovelace 2', '9 Ada Lovelace']);
});

test('another tenant’s contact of the same names is not updated', async () => {
  await store('mine', ADA);
  assert.deepEqual(await store('theirs', { ...AGAIN, phone: '1' }), [1]);
  assert.deepEqual(await contactsOf('mine'), ['1 Ada Lovelace']);
});

test('a contact that an earlier job of the same run adds is updated', async () => {
  assert.deepEqual(await store('run', ADA, AGAIN, { ...AGAIN, phone: '1' }, ADA), [1, 1, 1, 2]);
  assert.deepEqual(await contactsOf('run'), ['1 Ada Lovelace 1', '2 Ada Lovelace']);
});

test('a contact that an earlier job of the same run renames is found by its new names only', async () => {
  await store('rename', ADA, { ...ADA, firstName: 'Augusta' });
  const eve = { ...AGAIN, firstName: 'Eve' };
  assert.deepEqual(
    await store('rename', AGAIN, { id: 1, firstName: 'Eve' }, { ...eve, phone: '1' }, AGAIN, {
      ...AGAIN,
      phone: '2',
    }),
    [1, 1, 1, 3, 3],
  );
  assert.deepEqual(await contactsOf('rename'), [
    '1 Eve Lovelace 1',
    '2 Augusta Lovelace',
    '3 Ada Lovelace 2',
  ]);
});

test('a contact sent twice concurrently with updateIfExists is one contact', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => store('once', AGAIN)));
  assert.deepEqual(ids, Array(8).fill([1]));
});
