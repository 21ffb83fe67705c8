import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { type AddOrUpdateContact, params } from '#schemas/contact/addOrUpdateContact.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import { runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import { testSchema } from '../../support/schema-table.ts';

const { pool } = await createDatabase({ after });

const ADA = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' };
const NAME = {
  good: ['A', 'x'.repeat(255), 'Zoë 😀'],
  bad: ['', 'x'.repeat(256), 'a\r\nBcc: b', 'a\tb', '\u0000', '\u0085', '\ud83d', null, 1],
};

testSchema(params, {
  base: ADA,
  required: ['firstName', 'lastName', 'email'],
  members: {
    id: { good: [1, 2 ** 53 - 1], bad: [0, -1, 1.5, '1', null, 2 ** 53] },
    firstName: NAME,
    lastName: NAME,
    email: {
      good: ['a@example.com', "o'neill+x@sub.example.co.uk"],
      bad: [
        '',
        'ada',
        'ada@',
        '@example.com',
        'a b@example.com',
        'a@example.com\r\nBcc: b@example.com',
        'a@example.com, b@example.com',
        'Ada <a@example.com>',
        `${'x'.repeat(250)}@example.com`,
        null,
        1,
      ],
    },
    phone: { good: ['+44 20 7946 0000', '', null], bad: ['x'.repeat(51), '1\n2', 4420] },
    optedOut: { good: [true, false], bad: [null, 'true', 1] },
  },
});

async function add(tenant: string, contact: Partial<AddOrUpdateContact> = {}): Promise<number> {
  const { id } = (await runAction(pool, addOrUpdateContact, { ...ADA, ...contact }, { tenant })) as {
    id: number;
  };
  return id;
}

async function addMany(tenant: string, contacts: Partial<AddOrUpdateContact>[]): Promise<number[]> {
  const jobs = contacts.map((contact) => ({ ...ADA, ...contact }));
  const responses = await runActionMany(pool, addOrUpdateContact, jobs, { tenant });
  return (responses as { id: number }[]).map(({ id }) => id);
}

async function stored(tenant: string, id: number) {
  const { rows } = await pool.query(
    `select first_name as "firstName", last_name as "lastName", email, phone, opted_out as "optedOut"
     from contact.contact where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return rows[0];
}

async function count(tenant: string): Promise<number> {
  const { rows } = await pool.query('select count(*) from contact.contact where tenant = $1', [tenant]);
  return rows[0].count;
}

test('contacts without an id are numbered from 1, in each tenant', async () => {
  assert.deepEqual([await add('count-a'), await add('count-a'), await add('count-b')], [1, 2, 1]);
});

test('a contact is stored with all of its fields', async () => {
  const full = { ...ADA, phone: '+44 1', optedOut: true };
  assert.deepEqual(await stored('full', await add('full', full)), full);
  const bare = await add('full');
  assert.deepEqual(await stored('full', bare), { ...ADA, phone: null, optedOut: false });
});

test('a given id is kept, and generated ids continue after it', async () => {
  assert.deepEqual(
    [await add('given', { id: 40 }), await add('given'), await add('given', { id: 7 }), await add('given')],
    [40, 41, 7, 42],
  );
});

test('a contact with the same id is updated', async () => {
  const id = await add('update', { phone: '1' });
  assert.equal(await add('update', { id, firstName: 'Augusta', phone: '2' }), id);
  assert.deepEqual(await stored('update', id), {
    ...ADA,
    firstName: 'Augusta',
    phone: '2',
    optedOut: false,
  });
  assert.equal(await count('update'), 1);
});

test('an update keeps absent optional fields and clears a null phone', async () => {
  const id = await add('absent', { phone: '1', optedOut: true });
  await add('absent', { id });
  assert.deepEqual(await stored('absent', id), { ...ADA, phone: '1', optedOut: true });
  await add('absent', { id, phone: null, optedOut: false });
  assert.deepEqual(await stored('absent', id), { ...ADA, phone: null, optedOut: false });
});

test('another tenant’s contact with the same id does not change', async () => {
  await add('mine', { id: 1 });
  await add('theirs', { id: 1, firstName: 'Eve' });
  assert.equal((await stored('mine', 1)).firstName, 'Ada');
});

test('jobs that run together are answered in their order', async () => {
  await add('many', { id: 2 });
  const ids = await addMany('many', [{}, { id: 9 }, { id: 2, firstName: 'Updated' }, {}]);
  assert.deepEqual(ids, [10, 9, 2, 11]);
  assert.equal((await stored('many', 2)).firstName, 'Updated');
  assert.equal(await count('many'), 4);
});

test('of two jobs with one id the later wins, and keeps the fields that it does not name', async () => {
  assert.deepEqual(
    await addMany('twice', [
      { id: 5, phone: '1' },
      { id: 5, firstName: 'Second' },
    ]),
    [5, 5],
  );
  assert.deepEqual(await stored('twice', 5), { ...ADA, firstName: 'Second', phone: '1', optedOut: false });
});

test('ids are unique when contacts with and without ids are added concurrently', async () => {
  const groups = Array.from({ length: 12 }, (_, n) => [{}, { id: n * 3 + 1 }, {}, { id: n * 3 + 2 }]);
  const ids = (await Promise.all(groups.map((group) => addMany('race', group)))).flat();
  const generated = ids.filter((_, index) => index % 2 === 0);
  assert.equal(new Set(generated).size, 24);
  assert.equal(await count('race'), new Set(ids).size);
});

const HIGHEST = Number.MAX_SAFE_INTEGER;
/** Given ids up to this one are counted; generated ids skip higher ones. */
const COUNTED = 2 ** 52;

test('the highest id may be given, and all others can still be generated', async () => {
  assert.deepEqual(await addMany('full-up', [{}, { id: HIGHEST }, {}]), [1, HIGHEST, 2]);
  assert.deepEqual([await add('full-up', { id: HIGHEST - 1 }), await add('full-up')], [HIGHEST - 1, 3]);
  assert.equal(await add('full-up', { id: HIGHEST, firstName: 'Last' }), HIGHEST);
  assert.equal((await stored('full-up', HIGHEST)).firstName, 'Last');
  assert.equal(await count('full-up'), 5);
});

test('generated ids skip very high given ids', async () => {
  assert.deepEqual(await addMany('high', [{ id: COUNTED + 2 }, { id: COUNTED }]), [COUNTED + 2, COUNTED]);
  assert.deepEqual(await addMany('high', [{}, { id: COUNTED + 4 }, {}, {}]), [
    COUNTED + 1,
    COUNTED + 4,
    COUNTED + 3,
    COUNTED + 5,
  ]);
  assert.deepEqual([await add('high', { id: COUNTED + 6 }), await add('high')], [COUNTED + 6, COUNTED + 7]);
  assert.equal(await count('high'), 8);
});

test('ids are unique when contacts are added concurrently among very high ids', async () => {
  await add('high-race', { id: COUNTED });
  const groups = Array.from({ length: 8 }, (_, n) => [{}, { id: COUNTED + 100 + n * 3 }, {}, {}]);
  const ids = (await Promise.all(groups.map((group) => addMany('high-race', group)))).flat();
  assert.equal(new Set(ids).size, 32);
  assert.equal(await count('high-race'), 33);
});

test('the migration resets a counter that a very high id had raised', async () => {
  await addMany('stuck', [{ id: 7 }, { id: HIGHEST }]);
  await add('stuck-alone', { id: HIGHEST });
  await pool.query(`update contact.counter set last_id = $1 where tenant like 'stuck%'`, [HIGHEST]);
  const others = () =>
    pool.query(
      `select * from contact.counter where tenant not like '%stuck%' and tenant not like 'high%' order by tenant`,
    );
  const before = await others();
  await pool.query(await readFile('jobs/contact/migrations/002_counter.sql', 'utf8'));
  assert.deepEqual((await others()).rows, before.rows);
  assert.deepEqual([await add('stuck'), await add('stuck-alone')], [8, 1]);
});
