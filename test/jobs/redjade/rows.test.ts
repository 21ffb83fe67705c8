/** Which rows of an import are valid, and what is wrong with the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRow } from '../../../jobs/redjade/lib/check-row.ts';

const check = (row: unknown) => checkRow(JSON.stringify(row));

const VALID: [string, unknown][] = [
  ['an external_id alone', { external_id: 'A-1' }],
  ['an email alone', { email: 'ada@example.com' }],
  [
    'every field',
    { external_id: '1', email: 'a@b.co', first_name: 'Zoë', last_name: '李', locale: 'zh-Hant-TW' },
  ],
  ['null for what it does not say', { external_id: 'x', email: null, locale: null, demographics: null }],
  [
    'demographics of every type',
    { external_id: 'x', demographics: { a: 'b', n: -1.5, yes: true, none: null } },
  ],
  [
    'categories with unusual names',
    JSON.parse('{"email":"a@b.co","demographics":{"__proto__":"x","a.b":"y"}}'),
  ],
];
for (const [what, row] of VALID)
  test(`a row with ${what} is valid`, () => {
    const { is_valid, errors, raw } = check(row);
    assert.deepEqual([is_valid, errors, raw], [true, null, null]);
  });

const EITHER = 'must have an external_id or an email';
const ONE_LINE = 'must be one line of text without control characters or half of a surrogate pair';
const INVALID: [unknown, { message: string; field?: string }[]][] = [
  [{}, [{ message: EITHER }]],
  [{ first_name: 'Ada' }, [{ message: EITHER }]],
  [{ external_id: null, email: null }, [{ message: EITHER }]],
  [null, [{ message: 'must be object' }]],
  ['ada@example.com', [{ message: 'must be object' }]],
  [[], [{ message: 'must be object' }]],
  [{ external_id: 7 }, [{ message: 'must be string or null', field: 'external_id' }]],
  [{ external_id: '' }, [{ message: 'must NOT have fewer than 1 characters', field: 'external_id' }]],
  [{ external_id: 'a\nb' }, [{ message: ONE_LINE, field: 'external_id' }]],
  [{ external_id: 'a\u0000' }, [{ message: ONE_LINE, field: 'external_id' }]],
  [{ external_id: '\ud83d' }, [{ message: ONE_LINE, field: 'external_id' }]],
  [
    { external_id: 'x'.repeat(256) },
    [{ message: 'must NOT have more than 255 characters', field: 'external_id' }],
  ],
  [{ email: 'no address' }, [{ message: 'must match format "email"', field: 'email' }]],
  [
    { email: 'a@b.co', locale: 'english please' },
    [{ message: 'must be a language tag such as en or fr-CA', field: 'locale' }],
  ],
  [{ email: 'a@b.co', emial: 'x' }, [{ message: 'is not known', field: 'emial' }]],
  [{ email: 'a@b.co', demographics: ['x'] }, [{ message: 'must be object or null', field: 'demographics' }]],
  [
    { email: 'a@b.co', demographics: { Age: [30] } },
    [{ message: 'must be string, number, boolean or null', field: 'demographics.Age' }],
  ],
  [
    { email: 'a@b.co', demographics: { Id: 2 ** 53 } },
    [
      {
        message: 'must be at most 9007199254740991; send a larger number as a text',
        field: 'demographics.Id',
      },
    ],
  ],
];
for (const [row, errors] of INVALID)
  test(`the row ${JSON.stringify(row).slice(0, 60)} is invalid, and the reason is named`, () => {
    const checked = check(row);
    assert.equal(checked.is_valid, false);
    assert.deepEqual(checked.errors, errors);
    assert.equal(checked.raw, JSON.stringify(row));
  });

test('an invalid row keeps what is valid of it, so that it can be matched', () => {
  const { external_id, email, first_name, demographics } = check({
    external_id: 'a',
    email: 'broken',
    first_name: 'Ann',
    demographics: { Age: {} },
  });
  assert.deepEqual(
    { external_id, email, first_name, demographics },
    {
      external_id: 'a',
      email: null,
      first_name: 'Ann',
      demographics: null,
    },
  );
});

test('a row has at most 100 demographics, with names of at most 100 characters', () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`c${n}`, n]));
  assert.equal(check({ email: 'a@b.co', demographics: many }).is_valid, false);
  delete many.c100;
  assert.equal(check({ email: 'a@b.co', demographics: many }).is_valid, true);
  assert.equal(check({ email: 'a@b.co', demographics: { ['x'.repeat(101)]: 1 } }).is_valid, false);
  assert.equal(check({ email: 'a@b.co', demographics: { '': 1 } }).is_valid, false);
});

test('names that cannot be stored are shown escaped, and at most 20 reasons are kept', () => {
  const row = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`\u0000\ud83d${n}`, n]));
  const { errors } = check(row);
  assert.equal(errors?.length, 20);
  for (const { field = '' } of errors ?? []) assert.match(field, /^\\u0000\\ud83d\d+$/);
});

test('a row that is too long is invalid, and is not kept', () => {
  const { is_valid, raw, errors } = checkRow(300_000);
  assert.deepEqual([is_valid, raw], [false, null]);
  assert.match(errors?.[0]?.message ?? '', /^has 300000 characters of JSON; the maximum is 262144/);
});
