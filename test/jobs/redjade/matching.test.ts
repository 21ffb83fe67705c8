/** Who a row of an import is: an existing participant, a duplicate of an earlier row, a conflict or somebody new. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';
import { type Imports, tenantWithEvent } from './imports.ts';

const { pool } = await createDatabase({ after });

const SEED = [
  { external_id: 'a', email: 'a@example.com' },
  { external_id: 'b', email: 'b@example.com' },
  { email: 'c@example.com' },
];

async function seeded(tenant: string): Promise<Imports> {
  const imports = await tenantWithEvent(pool, tenant);
  await imports.apply(await imports.create(SEED));
  return imports;
}

const MATCHES: [string, object, string | null, string | null][] = [
  ['its external_id', { external_id: 'a' }, 'a', 'external_id'],
  ['its e-mail without an external_id', { email: 'b@example.com' }, 'b', 'email'],
  ['its e-mail in another case', { email: 'B@EXAMPLE.com' }, 'b', 'email'],
  ['its external_id before its e-mail', { external_id: 'a', email: 'new@example.com' }, 'a', 'external_id'],
  [
    'its e-mail when nobody has its external_id',
    { external_id: 'z', email: 'c@example.com' },
    'c@example.com',
    'email',
  ],
  ['neither when both are new', { external_id: 'z', email: 'z@example.com' }, null, null],
  ['no external_id in another case', { external_id: 'A' }, null, null],
];
for (const [what, row, matched, by] of MATCHES)
  test(`a row matches by ${what}`, async () => {
    const imports = await seeded(`match ${what}`);
    const [found] = await imports.rows(await imports.create([row]));
    assert.deepEqual([found.matched, found.matched_by, found.is_kept], [matched, by, true]);
  });

test('a row matches only participants of its own event', async () => {
  const imports = await seeded('events');
  await pool.query("insert into event.event (tenant, id, name) values ('events', 2, 'Other')");
  await pool.query("update redjade.participant set event_id = 2 where tenant = 'events'");
  const [found] = await imports.rows(await imports.create([{ external_id: 'a' }]));
  assert.equal(found.matched, null);
});

test('a row with the external_id of one participant and the e-mail of another is invalid, and names both', async () => {
  const imports = await seeded('conflict');
  const conflict = { external_id: 'a', email: 'B@example.com', first_name: 'Who' };
  const importId = await imports.create([conflict, { external_id: 'c' }]);
  const [found] = await imports.rows(importId);
  assert.deepEqual([found.is_conflict, found.is_kept, found.matched], [true, false, 'a']);
  await assert.rejects(imports.apply(importId), (error: Json) => {
    assert.match(
      error.options.additionalMessages[0],
      /^participants\[0\]\.email belongs to participant \d+, and the external_id to participant \d+$/,
    );
    return true;
  });
  const before = await imports.participants();
  const { success_count } = await imports.apply(importId, { skip_invalid: true });
  assert.equal(success_count, 1);
  assert.deepEqual(
    (await imports.participants()).filter(({ external_id }) => external_id !== 'c'),
    before,
  );
});

const DUPLICATES: [string, object[], (number | null)[]][] = [
  ['the same external_id', [{ external_id: 'x' }, { external_id: 'x' }], [null, 0]],
  ['the same e-mail in another case', [{ email: 'x@y.zz' }, { email: 'X@Y.zz' }], [null, 0]],
  [
    'the same e-mail, whatever its external_id',
    [
      { external_id: 'x', email: 'x@y.zz' },
      { external_id: 'y', email: 'x@y.zz' },
    ],
    [null, 0],
  ],
  ['the same participant', [{ external_id: 'a' }, { email: 'a@example.com' }], [null, 0]],
  [
    'a row that is a duplicate itself',
    [{ external_id: 'x', email: 'x@y.zz' }, { external_id: 'y', email: 'x@y.zz' }, { external_id: 'y' }],
    [null, 0, 1],
  ],
  [
    'two rows, the first of which is named',
    [{ external_id: 'x' }, { email: 'x@y.zz' }, { external_id: 'x', email: 'x@y.zz' }],
    [null, null, 0],
  ],
  [
    'an invalid row, which does not count',
    [{ external_id: 'x', email: 'broken' }, { external_id: 'x' }],
    [null, null],
  ],
  ['nobody', [{ external_id: 'x' }, { external_id: 'y' }, { email: 'x@y.zz' }], [null, null, null]],
];
for (const [what, rows, expected] of DUPLICATES)
  test(`a later row is a duplicate of ${what}`, async () => {
    const imports = await seeded(`duplicate ${what}`);
    const found = await imports.rows(await imports.create(rows));
    assert.deepEqual(
      found.map(({ duplicate_of }) => duplicate_of),
      expected,
    );
  });

test('a row that matches by e-mail gives the participant its external_id, and absent fields stay', async () => {
  const imports = await seeded('update');
  await imports.apply(await imports.create([{ email: 'c@example.com', first_name: 'Cleo', locale: 'el' }]));
  await imports.apply(await imports.create([{ external_id: 'c', email: 'C@example.com', locale: null }]));
  assert.deepEqual(
    (await imports.participants()).find(({ external_id }) => external_id === 'c'),
    {
      external_id: 'c',
      email: 'C@example.com',
      first_name: 'Cleo',
      last_name: null,
      locale: 'el',
      demographics: {},
    },
  );
});

test('rows are matched again when an action is applied', async () => {
  const imports = await tenantWithEvent(pool, 'again');
  const first = await imports.create([{ external_id: 'x', first_name: 'One' }]);
  const second = await imports.create([{ external_id: 'x', first_name: 'Two' }]);
  assert.deepEqual(
    (await imports.rows(second)).map(({ matched }) => matched),
    [null],
  );
  assert.equal((await imports.apply(first)).created_count, 1);
  assert.equal((await imports.apply(second)).updated_count, 1);
  assert.deepEqual(
    (await imports.rows(second)).map(({ matched_by }) => matched_by),
    ['external_id'],
  );
  assert.deepEqual(
    (await imports.participants()).map(({ first_name }) => first_name),
    ['Two'],
  );
});

test('the same participant of another tenant does not change', async () => {
  const mine = await seeded('mine');
  const theirs = await seeded('theirs');
  const before = await theirs.participants();
  await mine.apply(await mine.create([{ external_id: 'a', first_name: 'New', demographics: { Age: 1 } }]), {
    destroy_unmatched_participants: true,
  });
  assert.deepEqual(await theirs.participants(), before);
  assert.equal((await mine.participants()).length, 1);
});
