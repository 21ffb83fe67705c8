import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { CallbackError, unwrapCallback } from '../../src/client/index.ts';

const secretOf = () => `whsec_${randomBytes(32).toString('base64')}`;
const SECRET = secretOf();
const BODY = '{"asyncId":"é","results":[]}';

function headersOf(secret: string, at = new Date(), body = BODY): Record<string, string> {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('msg_1', at, body),
  };
}

suite('unwrapCallback', () => {
  test('a genuine callback is parsed, from text and bytes, with headers of every kind', async () => {
    const headers = headersOf(SECRET);
    const expected = JSON.parse(BODY);
    const capital = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    assert.deepEqual(await unwrapCallback(BODY, headers, SECRET), expected);
    assert.deepEqual(await unwrapCallback(Buffer.from(BODY), new Headers(headers), [SECRET]), expected);
    assert.deepEqual(await unwrapCallback(new TextEncoder().encode(BODY).buffer, capital, SECRET), expected);
  });

  test('while a secret is replaced, each of several signatures and secrets counts', async () => {
    const [old, next] = [secretOf(), secretOf()];
    const both = headersOf(old);
    both['webhook-signature'] += ` v1a,other ${headersOf(next)['webhook-signature']}`;
    for (const secrets of [old, next, [next, old], [secretOf(), next]])
      await unwrapCallback(BODY, both, secrets);
    await unwrapCallback(BODY, headersOf(old), [next, old]);
    await assert.rejects(unwrapCallback(BODY, headersOf(old), next), CallbackError);
  });

  test('another body, secret, id or time, or a missing header, is a CallbackError', async () => {
    const headers = headersOf(SECRET);
    const refused: [string, Record<string, string>, RegExp][] = [
      [`${BODY} `, headers, /the signature is wrong/],
      [BODY, headersOf(secretOf()), /the signature is wrong/],
      [BODY, { ...headers, 'webhook-id': 'msg_2' }, /the signature is wrong/],
      [
        BODY,
        { ...headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 1) },
        /the signature is wrong/,
      ],
      [BODY, { ...headers, 'webhook-signature': 'v1,%%% v2,a nonsense' }, /the signature is wrong/],
      [BODY, { ...headers, 'webhook-timestamp': 'now' }, /is not a number of seconds/],
      [BODY, { 'webhook-id': 'msg_1' }, /the header webhook-timestamp is missing/],
      ['no', headersOf(SECRET, new Date(), 'no'), /the body is not JSON/],
    ];
    for (const [body, given, message] of refused)
      await assert.rejects(unwrapCallback(body, given, SECRET), { name: 'CallbackError', message });
  });

  test('a callback is refused when its time is off by more than the tolerance', async () => {
    const off = (seconds: number) => headersOf(SECRET, new Date(Date.now() + seconds * 1000));
    await unwrapCallback(BODY, off(-290), SECRET);
    await assert.rejects(unwrapCallback(BODY, off(-310), SECRET), /the callback is 31\d s old/);
    await assert.rejects(unwrapCallback(BODY, off(310), SECRET), /s in the future/);
    await unwrapCallback(BODY, off(-310), SECRET, { toleranceSeconds: 600 });
  });

  test('a parsed body is a TypeError that asks for the raw one', async () => {
    for (const body of [JSON.parse(BODY), null, undefined, [1]])
      await assert.rejects(unwrapCallback(body, headersOf(SECRET), SECRET), {
        name: 'TypeError',
        message: /^body must be the raw body/,
      });
  });

  test('a secret of another form is a TypeError', async () => {
    for (const secrets of ['', 'secret', 'whsec_', 'whsec_%', []])
      await assert.rejects(unwrapCallback(BODY, headersOf(SECRET), secrets), TypeError);
  });
});
