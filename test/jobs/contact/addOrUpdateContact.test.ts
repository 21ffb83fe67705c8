import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { type AddOrUpdateContact, params } from '#schemas/contact/addOrUpdateContact.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { createCompiler } from '../../../src/validation/check-params.ts';
import { runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import { testSchema } from '../../support/schema-table.ts';

const { pool } = await createDatabase({ after });

/** The fields of a new contact that were not sent. */
const DEFAULTS = { phone: null, externalId: null, status: 1 };
const ADA = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' };
const NAME = {
  good: ['A', 'x'.repeat(255), 'Zoë 😀'],
  bad: ['', 'x'.repeat(256), 'a\r\nBcc: b', 'a\tb', '\u0000', '\u0085', '\ud83d', null, 1],
};

const DATE = {
  good: ['2026-11-25 22:47:42 UTC', '2026-11-25 22:47:42'],
  bad: ['2026-02-30 00:00:00', '2026-11-25', '', null, 1],
};

testSchema(params, {
  base: ADA,
  required: ['firstName', 'lastName', 'email'],
  members: {
    id: {
      good: [1, 2 ** 53 - 1, '1', '999999999999999'],
      bad: [0, -1, 1.5, '0', '-1', '01', ' 1', '1.5', 'wrong', '', '9'.repeat(16), null, 2 ** 53],
    },
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
    status: { good: [1, 2], bad: [0, 3, 4, 5, '1', null, true] },
    externalId: { good: ['12345', 'a b', null], bad: ['', 'x'.repeat(256), 'a\nb', 12345] },
    updateIfExists: { good: [true, false], bad: [null, 'true', 1] },
    isAnonymised: { good: [false], bad: [true, null, 0] },
    createdDate: DATE,
    modifiedDate: DATE,
  },
});

test('with an id no other field is required', () => {
  assert.equal(createCompiler()(params)({ id: 1 }), true);
});

test('members of iVvy’s contacts that are not kept are refused', () => {
  const validate = createCompiler()(params);
  for (const member of ['groups', 'customFields', 'companies', 'smsStatus', 'externalUrls', 'optedOut'])
    assert.equal(validate({ ...ADA, [member]: [] }), false, member);
});

function id(response: unknown): number {
  return (response as { id: number }).id;
}

async function add(tenant: string, contact: Partial<AddOrUpdateContact> = {}): Promise<number> {
  return id(await runAction(pool, addOrUpdateContact, { ...ADA, ...contact }, { tenant }));
}

async function addMany(tenant: string, contacts: Partial<AddOrUpdateContact>[]): Promise<number[]> {
  const jobs = contacts.map((contact) => ({ ...ADA, ...contact }));
  const responses = await runActionMany(pool, addOrUpdateContact, jobs, { tenant });
  return responses.map(id);
}

async function stored(tenant: string, id: number) {
  const { rows } = await pool.query(
    `select first_name as "firstName", last_name as "lastName", email, phone,
       external_id as "externalId", case when opted_out then 2 else 1 end as status
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
  const full = { ...ADA, phone: '+44 1', externalId: 'x-1', status: 2 as const };
  assert.deepEqual(await stored('full', await add('full', full)), full);
  const bare = await add('full');
  assert.deepEqual(await stored('full', bare), { ...ADA, ...DEFAULTS });
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
    ...DEFAULTS,
    phone: '2',
  });
  assert.equal(await count('update'), 1);
});

test('an update with an id changes each field that is sent, and no other', async () => {
  const id = await add('partial', { phone: '1', externalId: 'x', status: 2 });
  let expected: object = { ...ADA, phone: '1', externalId: 'x', status: 2 };
  const changes: Partial<AddOrUpdateContact>[] = [
    {},
    { firstName: 'Augusta' },
    { lastName: 'King' },
    { email: 'king@example.com' },
    { phone: '2' },
    { status: 1 },
    { externalId: 'y' },
    { phone: null, externalId: null },
  ];
  for (const change of changes) {
    await runAction(pool, addOrUpdateContact, { id, ...change }, { tenant: 'partial' });
    expected = { ...expected, ...change };
    assert.deepEqual(await stored('partial', id), expected);
  }
});

test('an id that does not exist is added when it has all three names, otherwise only its job fails', async () => {
  await add('unknown', { id: 1 });
  const responses = await runActionMany(
    pool,
    addOrUpdateContact,
    [{ id: 1, phone: '1' }, { id: 40, firstName: 'Eve' }, ADA, { id: 41, ...ADA }, { id: 41, phone: '2' }],
    { tenant: 'unknown' },
  );
  const [, failed] = responses;
  assert.ok(failed instanceof NonRetryableError);
  assert.equal(failed.message, "'lastName' is required");
  assert.deepEqual(failed.options, {
    errorCode: 400,
    specificCode: 23017,
    additionalMessages: [
      'params.lastName is required, because there is no contact 40 yet',
      'params.email is required, because there is no contact 40 yet',
    ],
  });
  assert.deepEqual(
    responses.filter((response) => response !== failed),
    [{ id: 1 }, { id: 42 }, { id: 41 }, { id: 41 }],
  );
  assert.equal(await count('unknown'), 3);
  assert.equal((await stored('unknown', 41)).phone, '2');
});

test('an id may be sent as text, as iVvy’s .NET client does, and is returned as a number', async () => {
  const id = await add('text');
  assert.deepEqual(
    await runAction(pool, addOrUpdateContact, { id: String(id), phone: '1' }, { tenant: 'text' }),
    { id },
  );
  assert.equal((await stored('text', id)).phone, '1');
  assert.equal(await count('text'), 1);
});

test('the dates of a contact that was read may be sent back, and are not stored', async () => {
  const date = '2020-01-01 00:00:00 UTC';
  await add('dates', { id: 1, createdDate: date, modifiedDate: date, isAnonymised: false });
  const { rows } = await pool.query(
    "select created_at > '2026-01-01' and updated_at > '2026-01-01' as ours from contact.contact where tenant = 'dates'",
  );
  assert.deepEqual(rows, [{ ours: true }]);
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
  assert.deepEqual(await stored('twice', 5), { ...ADA, ...DEFAULTS, firstName: 'Second', phone: '1' });
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
