import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mayBeRounded, parseUnrounded } from '../../src/json/rounded.ts';
import { seeded } from './random-json.ts';

const EXACT = [
  '0',
  '-0',
  '-0.0',
  '0e999999999999',
  '1',
  '1.0',
  '1.50',
  '1E2',
  '1e22',
  '12.5e1',
  '0.1',
  '9007199254740991',
  '9007199254740991.0',
  '9007199254740992',
  '9007199254740994',
  '100000000000000000000',
  '1180591620717411303424',
  // None of these becomes a whole number.
  '1e400',
  '-1e400',
  '1e-300',
  '123456.789',
];
const ROUNDED = [
  '9007199254740991.4',
  '9007199254740990.5',
  '-9007199254740991.4',
  '4503599627370497.2',
  '9007199254740993',
  '-9007199254740993',
  '1e23',
  '123456789012345e8',
  '0.99999999999999999999',
  '1.00000000000000000001',
  '123456789.00000000000000001',
  '1e-400',
  `1${'0'.repeat(400)}1e-400`,
];

describe('numbers that JSON.parse may round', () => {
  for (const text of EXACT)
    it(`a number that JSON.parse keeps is recognised: ${text}`, () => {
      for (const json of [text, `[${text}]`, `{"a":${text}}`, `[1 ,\n\t${text} ]`]) {
        assert.equal(mayBeRounded(json), false, json);
        assert.deepEqual(parseUnrounded(json), JSON.parse(json));
      }
    });

  for (const text of ROUNDED)
    it(`a number that JSON.parse rounds to another whole number is recognised: ${text.slice(0, 40)}`, () => {
      for (const json of [`[${text}]`, `{"a":${text}}`, `[1 ,\n\t${text} ]`]) {
        assert.equal(mayBeRounded(json), true, json);
        const [value] = Object.values(parseUnrounded(json) as object).slice(-1);
        assert.equal(Number.isInteger(value), false);
        assert.equal(Number.isFinite(value), true);
      }
    });
});

it('only rounded numbers change, in any context', () => {
  const json = '{"__proto__":[1.5,9007199254740993,"9007199254740993",null],"b":{"c":12}}';
  const parsed = parseUnrounded(json);
  assert.equal(JSON.stringify(parsed), json.replace('9007199254740993,', '4503599627370495.5,'));
});

it('text in strings may be checked, and does not change', () => {
  const json = JSON.stringify({ text: 'see: 9007199254740993, [1.00000000000000000001' });
  assert.equal(mayBeRounded(json), true);
  assert.deepEqual(parseUnrounded(json), JSON.parse(json));
});

it('whole numbers in any notation are judged as by BigInt', () => {
  const random = seeded(7);
  const digits = (count: number) => Array.from({ length: count }, () => Math.floor(random() * 10)).join('');
  for (let round = 0; round < 20_000; round++) {
    const whole = `${1 + Math.floor(random() * 9)}${digits(Math.floor(random() * 24))}`;
    const zeros = Math.floor(random() * 5);
    const written = random() < 0.5 ? `${whole}${'0'.repeat(zeros)}` : `${whole}e${zeros}`;
    const isKept = BigInt(Number(written)) === BigInt(`${whole}${'0'.repeat(zeros)}`);
    assert.equal(mayBeRounded(`[${written}]`), !isKept, written);
  }
});

it('a text designed to be slow takes little time', () => {
  const size = 256 * 1024;
  const texts = [
    `[1${'0'.repeat(size)}1e-${size - 4}]`,
    `[1${'0'.repeat(size)}]`,
    `[,${' '.repeat(size)}x`,
    `["${'1.'.repeat(size / 2)}"]`,
    `[1.${'e+'.repeat(size / 2)}]`,
    ':'.repeat(size),
  ];
  for (const text of texts) {
    const startedAt = process.cpuUsage().user;
    mayBeRounded(text);
    assert.ok(process.cpuUsage().user - startedAt < 1_000_000, text.slice(0, 20));
  }
});
