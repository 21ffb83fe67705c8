/** The six options of an action in all 64 combinations, compared with a plain model. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { NonRetryableError } from 'batchwright/plugin';
import { OPTION_NAMES, type Options } from '../../../jobs/redjade/lib/options.ts';
import { createDatabase } from '../../support/database.ts';
import type { Json } from '../../support/json.ts';
import { tenantWithEvent } from './imports.ts';
import { applied, type Person, type State } from './model.ts';

const { pool } = await createDatabase({ after });

const SEED: State = {
  categories: ['Age', 'City'],
  participants: [
    { external_id: 'a', email: 'a@example.com', first_name: 'Ann', demographics: { Age: 30, City: 'Oslo' } },
    { external_id: 'b', email: 'b@example.com', first_name: 'Bob', demographics: { Age: 40 } },
    { email: 'c@example.com', last_name: 'Cole', demographics: { City: 'Rome' } },
    { external_id: 'd', first_name: 'Dan', demographics: { Age: 50 } },
    { external_id: 'e', email: 'e@example.com', demographics: { City: 'Bern' } },
    { external_id: 'f', email: 'f@example.com', locale: 'fr', demographics: { Age: 60 } },
  ],
};

interface Row {
  kind: 'new' | 'by external_id' | 'by email' | 'invalid' | 'duplicate';
  sent: Person;
}
const ROWS: Row[] = [
  { kind: 'new', sent: { external_id: 'n', email: 'n@example.com', demographics: { Age: 20, Team: 'red' } } },
  {
    kind: 'by external_id',
    sent: {
      external_id: 'a',
      email: 'ann@example.com',
      first_name: 'Anna',
      demographics: { Age: 31, Team: 'blue' },
    },
  },
  { kind: 'by email', sent: { email: 'C@Example.com', first_name: 'Cid', demographics: { Shoes: 42.5 } } },
  { kind: 'by email', sent: { external_id: 'new-b', email: 'B@example.com', locale: 'en-GB' } },
  { kind: 'invalid', sent: { external_id: 'e', email: 'no address', demographics: { Hair: 'red' } } },
  { kind: 'invalid', sent: { first_name: 'Nobody', demographics: { Hair: 'grey' } } },
  {
    kind: 'duplicate',
    sent: { external_id: 'a', first_name: 'Again', demographics: { Age: 99, Dup: true } },
  },
  { kind: 'duplicate', sent: { external_id: 'f', email: 'N@example.com', demographics: { Dup: false } } },
  // Matches the participant of an earlier row by her stored address.
  { kind: 'duplicate', sent: { email: 'a@example.com', last_name: 'Other' } },
  { kind: 'new', sent: { email: 'm@example.com' } },
  { kind: 'new', sent: { external_id: 'o', demographics: { City: 'Kyiv', Left: true } } },
];

const COMBINATIONS: Options[] = Array.from(
  { length: 2 ** OPTION_NAMES.length },
  (_, bits) => Object.fromEntries(OPTION_NAMES.map((name, n) => [name, (bits & (1 << n)) !== 0])) as Options,
);

const PAYLOADS: Record<string, (row: Row) => boolean> = {
  'invalid and duplicate rows': () => true,
  'invalid rows': ({ kind }) => kind !== 'duplicate',
  'duplicate rows': ({ kind }) => kind !== 'invalid',
  'good rows only': ({ kind }) => kind !== 'duplicate' && kind !== 'invalid',
};

describe('every combination of the options does what the model says', { concurrency: 6 }, () => {
  for (const [name, isSent] of Object.entries(PAYLOADS))
    for (const [bits, options] of COMBINATIONS.entries())
      test(`${name} with ${shown(options)}`, async () => {
        await check(`${name} ${bits}`, ROWS.filter(isSent), options);
      });
});

async function check(tenant: string, rows: readonly Row[], options: Options): Promise<void> {
  const imports = await tenantWithEvent(pool, tenant);
  await imports.apply(await imports.create(SEED.participants));
  assert.deepEqual(await imports.participants(), SEED.participants.map(complete).sort(byIdentity));

  const model = rows.map(({ kind, sent }) => ({ sent, isValid: kind !== 'invalid' }));
  const expected = applied(SEED, model, options);
  const importId = await imports.create(rows.map(({ sent }) => sent));
  const outcome = await imports.apply(importId, options).catch((error: unknown) => error);
  if (expected.status === 'failed') {
    assert.ok(outcome instanceof NonRetryableError);
    assert.equal(outcome.options.errorCode, 422);
  } else {
    assert.equal((outcome as Json).status, 'completed');
    assert.equal((outcome as Json).success_count, expected.successCount);
  }
  assert.deepEqual(await imports.participants(), expected.participants.map(complete).sort(byIdentity));
  assert.deepEqual(await imports.categories(), expected.categories);
}

function shown(options: Options): string {
  const set = OPTION_NAMES.filter((name) => options[name]);
  return set.length > 0 ? set.join(', ') : 'no option set';
}

function complete(person: Person): Json {
  const { external_id = null, email = null, first_name = null, last_name = null, locale = null } = person;
  return { external_id, email, first_name, last_name, locale, demographics: person.demographics ?? {} };
}

function byIdentity(one: Json, other: Json): number {
  const key = ({ external_id, email }: Json) => `${external_id} ${email}`;
  return key(one) < key(other) ? -1 : 1;
}
