import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  dateOf,
  iwsSignature,
  type SignedHead,
  stringsToSign,
} from '../../../src/http/auth/iws-signature.ts';

const SECRET = '5f0c4a7e9d21b38866aa01d2c3e4f5a6b7c8d9e0f1a2b3c4';

/** The example in the scheme's documentation. */
const EXAMPLE: SignedHead = {
  method: 'POST',
  target: '/api/1.0/test?action=ping',
  headers: {
    host: 'api.ap-southeast-2.ivvy.com',
    date: 'Tue, 03 Apr 2012 22:23:24 UTC',
    'content-md5': 'a09f600c77a6dbd947db24c61e8935ca',
    'content-type': 'application/json',
    'content-length': '18',
    'x-api-version': '1.0',
    'x-api-authorization': 'IWS key:signature',
    'ivvy-date': '2012-04-03 22:23:24',
  },
};
const { 'ivvy-date': _, ...withoutIvvyDate } = EXAMPLE.headers;

/** Signatures are those of `printf %s "$text" | openssl dgst -sha1 -hmac "$SECRET"`. */
const vectors: [what: string, head: SignedHead, text: string, signature: string][] = [
  [
    'IVVY-Date, which leaves the place of Date empty',
    EXAMPLE,
    'posta09f600c77a6dbd947db24c61e8935caapplication/json/api/1.0/test?action=ping1.0ivvydate=2012-04-03 22:23:24',
    '9b74f4f2c1539cb665aebfac0c4217398c6534a0',
  ],
  [
    'Date',
    { ...EXAMPLE, headers: withoutIvvyDate },
    'posta09f600c77a6dbd947db24c61e8935caapplication/jsontue, 03 apr 2012 22:23:24 utc/api/1.0/test?action=ping1.0',
    'a2876240bda91d3211185681e8ac0bc4eb85b50e',
  ],
  [
    'no body and no version',
    {
      method: 'GET',
      target: '/v1/batches?state=queued',
      headers: { 'ivvy-date': '2012-04-03 22:23:24' },
    },
    'get/v1/batches?state=queuedivvydate=2012-04-03 22:23:24',
    'a14ce863936699312926de1db7e11adc185d340b',
  ],
  [
    'several headers of IVVY, in the order of their names',
    {
      ...EXAMPLE,
      headers: {
        ivvy_zone_id: '7',
        ...EXAMPLE.headers,
        'content-type': 'application/json; charset=UTF-8',
        'ivvy-app': 'CRM',
        'x-ivvy': 'not one of them',
      },
    },
    'posta09f600c77a6dbd947db24c61e8935caapplication/json; charset=utf-8/api/1.0/test?action=ping1.0ivvyapp=crm&ivvydate=2012-04-03 22:23:24&ivvyzoneid=7',
    '1cfac5a1c567a0d84ea9513e10be381a1a0826f0',
  ],
  [
    'almost no headers',
    { method: 'PUT', target: '/X', headers: { date: 'Wed, 04 Apr 2012 00:00:00 GMT' } },
    'putwed, 04 apr 2012 00:00:00 gmt/x',
    '849da186fc5473a4a9ea75a4b48de751c49ffbbd',
  ],
];

describe('the string to sign', () => {
  for (const [what, head, text, signature] of vectors)
    test(`a request is signed with ${what}`, () => {
      assert.ok(stringsToSign(head).includes(text), JSON.stringify(stringsToSign(head)));
      assert.equal(iwsSignature(SECRET, text).toString('hex'), signature);
    });

  test('the signed version is 1.0 or empty without X-Api-Version, and otherwise the one that is sent', () => {
    const target = '/api/1.0/test?action=ping';
    const head = { method: 'POST', target, headers: { 'ivvy-date': '2012-04-03 22:23:24 UTC' } };
    assert.deepEqual(stringsToSign(head), [
      `post${target}1.0ivvydate=2012-04-03 22:23:24 utc`,
      `post${target}ivvydate=2012-04-03 22:23:24 utc`,
    ]);
    for (const version of ['1.0', '2.0', ''])
      assert.deepEqual(stringsToSign({ ...head, headers: { ...head.headers, 'x-api-version': version } }), [
        `post${target}${version}ivvydate=2012-04-03 22:23:24 utc`,
      ]);
  });

  test('the signed path and query are the same whether or not the target names the host', () => {
    const headers = { 'x-api-version': '1.0' };
    for (const target of ['http://user:pw@api.test:80/batch?action=run', 'HTTPS://api.test/batch?action=run'])
      assert.deepEqual(stringsToSign({ method: 'POST', target, headers }), ['post/batch?action=run1.0']);
  });
});

describe('the date of a request', () => {
  for (const [headers, expected] of [
    [{ 'ivvy-date': '2012-04-03 22:23:24' }, '2012-04-03T22:23:24.000Z'],
    [{ 'ivvy-date': '2012-04-03 22:23:24 UTC' }, '2012-04-03T22:23:24.000Z'],
    [{ 'ivvy-date': '2012-04-03 22:23:24 utc' }, '2012-04-03T22:23:24.000Z'],
    [{ date: '2012-04-03 22:23:24 UTC' }, '2012-04-03T22:23:24.000Z'],
    [{ ivvydate: '2012-04-03 22:23:24' }, '2012-04-03T22:23:24.000Z'],
    [{ ivvy_date: '2012-04-03 22:23:24' }, '2012-04-03T22:23:24.000Z'],
    [{ date: 'Tue, 03 Apr 2012 22:23:24 GMT' }, '2012-04-03T22:23:24.000Z'],
    [{ date: 'Tue, 03 Apr 2012 22:23:24 UTC' }, '2012-04-03T22:23:24.000Z'],
    [{ date: 'Tue, 03 Apr, 2012 22:23:24 utc' }, '2012-04-03T22:23:24.000Z'],
    [{ date: 'Tuesday, 03-Apr-12 22:23:24 GMT' }, '2012-04-03T22:23:24.000Z'],
    [{ date: 'Tue Apr  3 22:23:24 2012' }, '2012-04-03T22:23:24.000Z'],
    [{ 'ivvy-date': '2012-04-03 22:23:24', date: 'yesterday' }, '2012-04-03T22:23:24.000Z'],
  ] as const)
    test(`the date of a request is read from ${JSON.stringify(headers)}`, () => {
      assert.equal(new Date(dateOf(headers)).toISOString(), expected);
    });

  for (const headers of [
    {},
    { 'ivvy-date': '' },
    { 'ivvy-date': '', date: 'Tue, 03 Apr 2012 22:23:24 GMT' },
    { 'ivvy-date': '2012-04-03T22:23:24Z' },
    { 'ivvy-date': '2012-04-03' },
    { 'ivvy-date': '2012-13-03 22:23:24' },
    { 'ivvy-date': '2012-04-03 22:23:24 +0200' },
    { 'ivvy-date': '2012-04-03 22:23:24 GMT' },
    { 'ivvy-date': '2012-04-03 22:23:24  UTC' },
    { 'ivvy-date': '2012-04-03 22:23:24 UTC+1' },
    { 'ivvy-date': '2012-04-03 22:23:24, 2012-04-03 22:23:24' },
    { 'ivvy-date': '1333491804' },
    { date: '2012-04-03T22:23:24Z' },
    { date: 'Tue, 03 Apr 2012 22:23:24' },
    { date: 'Tue, 03 Apr 2012 22:23:24 +0200' },
    { date: 'Tue, 03 Foo 2012 22:23:24 GMT' },
    { date: '2012' },
  ])
    test(`a request has no valid date in ${JSON.stringify(headers)}`, () => {
      assert.ok(Number.isNaN(dateOf(headers)));
    });
});
