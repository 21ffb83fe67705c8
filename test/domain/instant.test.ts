import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInstant } from '../../src/domain/instant.ts';

for (const [text, utc] of [
  ['2030-01-31T12:00:00Z', '2030-01-31T12:00:00.000Z'],
  ['2030-01-31t12:00:00z', '2030-01-31T12:00:00.000Z'],
  ['2030-01-31T12:00:00.25+02:00', '2030-01-31T10:00:00.250Z'],
  ['2028-02-29T23:59:59-23:59', '2028-03-01T23:58:59.000Z'],
] as const)
  test(`${text} is ${utc}`, () => {
    assert.equal(parseInstant(text), Date.parse(utc));
  });

for (const text of [
  '2030-01-31',
  '2030-01-31T12:00:00',
  '2030-01-31 12:00:00Z',
  '2030-02-29T12:00:00Z',
  '2030-02-31T12:00:00Z',
  '2030-04-31T12:00:00Z',
  '2030-00-10T12:00:00Z',
  '2030-13-10T12:00:00Z',
  '2030-01-00T12:00:00Z',
  '2030-01-31T24:00:00Z',
  '2030-01-31T12:60:00Z',
  '2030-12-31T23:59:60Z',
  '2030-01-31T12:00:00+24:00',
  ' 2030-01-31T12:00:00Z',
  '2030-01-31T12:00:00Z\n',
])
  test(`${JSON.stringify(text)} is no time`, () => {
    assert.equal(parseInstant(text), Number.NaN);
  });
