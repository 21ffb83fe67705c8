/** The message for each field rule of Tracx Connect (docs/systems.md). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fieldErrors } from '../../../jobs/tracx/lib/field-errors.ts';
import { DOCUMENTED } from './connect.ts';

const PARTICIPANT = { ...DOCUMENTED, race_id: 1 };
const LONG = 'x'.repeat(101);
const REQUIRED = 'is required';
const TEXT = 'must be a string';
const TOO_LONG = 'must be at most 100 characters';
const ALPHA_DASH = 'must have only letters, digits, - and _';
const STORABLE = 'must not contain U+0000 or half of a surrogate pair';
const DATE = 'must be a real date, YYYY-MM-DD';
const COUNTRY = 'must be an ISO country code';
const CHIP = 'must be exactly 7 characters';
const GENDER = 'must be male, female or neutral';
const STATE =
  'must be before, during, paused, resumed, after, finished, did_not_finish, disqualified or did_not_start';
const RANGE = 'must be an integer from 1 to 9007199254740991';

/** Wrong values of each field, with the message. */
const RULES: Record<string, [unknown, string][]> = {
  unique_id: [
    [null, REQUIRED],
    ['', REQUIRED],
    [7, TEXT],
    [LONG, TOO_LONG],
    ['a b', ALPHA_DASH],
    ['a\u0000', ALPHA_DASH],
  ],
  first_name: [
    [null, REQUIRED],
    ['', REQUIRED],
    [{}, TEXT],
    [LONG, TOO_LONG],
    ['a\u0000', STORABLE],
    ['\ud800', STORABLE],
  ],
  last_name: [
    [null, REQUIRED],
    ['', REQUIRED],
    [['x'], TEXT],
    [LONG, TOO_LONG],
  ],
  date_of_birth: [
    [null, REQUIRED],
    ['', REQUIRED],
    [20010101, TEXT],
    ['2001-02-29', DATE],
    ['01-01-2001', DATE],
    ['0000-01-01', DATE],
  ],
  race_id: [
    [null, REQUIRED],
    ['1', 'must be an integer'],
    [1.5, 'must be an integer'],
    [0, RANGE],
    [2 ** 53, RANGE],
  ],
  country_code: [
    ['', COUNTRY],
    ['UK', COUNTRY],
    [528, TEXT],
  ],
  team_name: [
    [7, TEXT],
    [LONG, TOO_LONG],
    ['\u0000', STORABLE],
  ],
  start_number: [
    [1, TEXT],
    [LONG, TOO_LONG],
    ['1.5', ALPHA_DASH],
    ['', ALPHA_DASH],
  ],
  chip_code: [
    ['', CHIP],
    ['000001', CHIP],
    ['00000001', CHIP],
    [1234567, TEXT],
    ['000000\u0000', STORABLE],
  ],
  gender: [
    ['m', GENDER],
    ['', GENDER],
    [1, TEXT],
  ],
  state: [
    ['Before', STATE],
    [0, TEXT],
  ],
};

for (const [field, cases] of Object.entries(RULES))
  describe(`the field ${field}`, () => {
    for (const [value, message] of cases) {
      const shown = JSON.stringify(value);
      test(`${shown.length > 20 ? `${shown.slice(0, 10)}…` : shown} ${message}`, () =>
        assert.deepEqual(fieldErrors({ ...PARTICIPANT, [field]: value }), [{ field, message }]));
    }
  });

describe('a participant', () => {
  test('the documented participant has no errors, and neither has one with nulls', () => {
    assert.deepEqual(fieldErrors(PARTICIPANT), []);
    const nulls = { country_code: null, start_number: null, chip_code: null, gender: null, state: null };
    assert.deepEqual(fieldErrors({ ...PARTICIPANT, ...nulls }), []);
  });

  test('every required field is asked for', () => {
    const required = ['unique_id', 'first_name', 'last_name', 'date_of_birth', 'race_id'];
    assert.deepEqual(
      fieldErrors({}),
      required.map((field) => ({ field, message: REQUIRED })),
    );
  });

  test('an unknown field is named, and a long name is cut', () => {
    const long = `${'x'.repeat(99)}😀`;
    assert.deepEqual(fieldErrors({ ...PARTICIPANT, [long]: 1, chipcode: 1 }), [
      { field: `${'x'.repeat(99)}\ufffd`, message: 'is not known' },
      { field: 'chipcode', message: 'is not known' },
    ]);
  });

  for (const value of [null, [], 'x', 7, true])
    test(`${JSON.stringify(value)} is not a participant`, () =>
      assert.deepEqual(fieldErrors(value), [{ field: null, message: 'must be an object' }]));
});
