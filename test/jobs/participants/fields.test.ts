/** Tests each field rule of Tracx Connect (docs/systems.md) against the schema alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { params } from '#schemas/participants/storeMultiple.ts';
import { createCompiler } from '../../../src/validation/check-params.ts';

const validate = createCompiler()(params);

const PARTICIPANT = {
  unique_id: '1',
  first_name: 'John',
  last_name: 'Doe',
  date_of_birth: '2001-01-01',
  race_id: 1,
};

const REQUIRED = ['unique_id', 'first_name', 'last_name', 'date_of_birth', 'race_id'] as const;
const OPTIONAL = ['country_code', 'team_name', 'start_number', 'chip_code', 'gender', 'state'] as const;

const STATES = [
  'before',
  'during',
  'paused',
  'resumed',
  'after',
  'finished',
  'did_not_finish',
  'disqualified',
  'did_not_start',
];
const NAME = {
  good: ['x', 'x'.repeat(100), '😀'.repeat(100), 'Ångström-O’Neill', ' ', 'ünï\n'],
  bad: ['', 'x'.repeat(101), '😀'.repeat(101), 'a\u0000b', '\ud83d', 7],
};
const ALPHA_DASH = {
  good: ['a', 'A-1_b', '0', '-', 'x'.repeat(100), 'Müller-1', '参加者'],
  bad: ['', 'x'.repeat(101), 'a b', 'a.b', 'a/b', 'a\n', 'a\u0000', '😀', 1, ['1']],
};

const RULES: Record<string, { good: unknown[]; bad: unknown[] }> = {
  unique_id: ALPHA_DASH,
  first_name: NAME,
  last_name: NAME,
  date_of_birth: {
    good: ['2001-01-01', '2000-02-29', '0001-01-01', '9999-12-31'],
    bad: [
      '',
      '2001-02-29',
      '2001-13-01',
      '2001-00-10',
      '2001-04-31',
      '01-01-2001',
      '2001-1-1',
      '2001/01/01',
      '2001-01-01T00:00:00Z',
      '2001-01-01\n',
      ' 2001-01-01',
      '0000-01-01',
      '20010-01-01',
      20010101,
    ],
  },
  race_id: { good: [1, 2 ** 53 - 1, 1.0], bad: ['1', 1.5, true, 0, -1, 1e300, 2 ** 53] },
  country_code: {
    good: ['NL', 'nl', 'Nl', 'nL', 'NLD', 'nld', 'NlD', 'GB', 'gbr', 'AF', 'ZWE'],
    bad: ['', 'N', 'UK', 'ZZ', 'XYZ', 'nl ', 'NL\n', 'NLDX', 'Netherlands', '528', 'ſj', 528],
  },
  team_name: {
    good: ['', 'x'.repeat(100), '😀'.repeat(100)],
    bad: ['x'.repeat(101), '😀'.repeat(101), '\u0000', 7],
  },
  start_number: ALPHA_DASH,
  chip_code: {
    good: ['0000001', 'AB-12.é', '😀😀😀😀😀😀😀'],
    bad: ['', '000001', '00000001', '😀😀😀', '000000\u0000', 1234567],
  },
  gender: { good: ['male', 'female', 'neutral'], bad: ['', 'Male', 'm', 'other', 1] },
  state: { good: STATES, bad: ['', 'Before', 'started', 'did not start', 0] },
};

for (const [field, { good, bad }] of Object.entries(RULES)) {
  for (const value of good)
    test(`${field} may be ${shown(value)}`, () => assert.deepEqual(errorPaths({ [field]: value }), []));
  for (const value of bad)
    test(`${field} must not be ${shown(value)}`, () =>
      assert.deepEqual(errorPaths({ [field]: value }), [`/participants/3/${field}`]));
}

for (const field of REQUIRED) {
  test(`${field} is required`, () => {
    const { [field]: _, ...rest } = PARTICIPANT;
    assert.equal(validate({ event_id: 1, participants: [rest] }), false);
    assert.deepEqual(
      validate.errors?.map(({ keyword, instancePath, params }) => [keyword, instancePath, params]),
      [['required', '/participants/0', { missingProperty: field }]],
    );
  });
  test(`${field} must not be null`, () =>
    assert.deepEqual(errorPaths({ [field]: null }), [`/participants/3/${field}`]));
}

for (const field of OPTIONAL)
  test(`${field} may be null`, () => assert.deepEqual(errorPaths({ [field]: null }), []));

test('the example of the documentation of Tracx is accepted', () => {
  const documented = {
    ...PARTICIPANT,
    country_code: 'nl',
    team_name: null,
    start_number: '1',
    chip_code: '0000001',
    gender: 'male',
    state: 'before',
  };
  assert.equal(validate({ event_id: 1, participants: [documented] }), true);
});

test('an unknown property is refused', () => {
  assert.equal(validate({ event_id: 1, participants: [{ ...PARTICIPANT, chipcode: 'x' }] }), false);
  assert.equal(validate.errors?.[0]?.params.additionalProperty, 'chipcode');
});

test('every wrong field of every row is reported', () => {
  const rows = [
    { ...PARTICIPANT, chip_code: '1', gender: 'x' },
    PARTICIPANT,
    { ...PARTICIPANT, date_of_birth: '2001-02-30' },
  ];
  assert.equal(validate({ event_id: 1, participants: rows }), false);
  assert.deepEqual(
    [...new Set(validate.errors?.map(({ instancePath }) => instancePath))],
    ['/participants/0/chip_code', '/participants/0/gender', '/participants/2/date_of_birth'],
  );
});

const ENVELOPES: [string, unknown, boolean][] = [
  ['no participants', { event_id: 1, participants: [] }, true],
  ['100,000 participants', { event_id: 1, participants: Array(100_000).fill(PARTICIPANT) }, true],
  ['100,001 participants', { event_id: 1, participants: Array(100_001).fill(PARTICIPANT) }, false],
  ['no event', { participants: [] }, false],
  ['an event that is text', { event_id: '1', participants: [] }, false],
  ['participants that are not an array', { event_id: 1, participants: {} }, false],
  ['a participant that is not an object', { event_id: 1, participants: [[]] }, false],
  ['an unknown parameter', { event_id: 1, participants: [], dryRun: true }, false],
];
for (const [what, request, valid] of ENVELOPES)
  test(`a request with ${what} is ${valid ? 'accepted' : 'refused'}`, () =>
    assert.equal(validate(request), valid));

/** Where the schema finds errors in the fourth of four participants. */
function errorPaths(fields: object): string[] {
  const participants = [PARTICIPANT, PARTICIPANT, PARTICIPANT, { ...PARTICIPANT, ...fields }];
  if (validate({ event_id: 1, participants })) return [];
  return [...new Set(validate.errors?.map(({ instancePath }) => instancePath))];
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 20)}… (${[...text].length - 2} characters)` : text;
}
