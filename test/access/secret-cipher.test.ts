import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSecretCipher } from '../../src/access/secret-cipher.ts';
import { BatchwrightError } from '../../src/contract/errors.ts';

const cipher = createSecretCipher(['a secret key of the tests, long enough']);
const SECRET = 'what a client signs with \u00e9';

const isUnreadable = (why: string) => (error: unknown) =>
  error instanceof BatchwrightError &&
  error.body.errorCode === 503 &&
  error.message === `A stored secret cannot be read: ${why}`;
const isOfAnother = isUnreadable('SECRET_KEY is not the one that it was stored with');

test('a secret is decrypted again, and its encrypted bytes differ each time', () => {
  const [one, other] = [cipher.encrypt(SECRET, 'a'), cipher.encrypt(SECRET, 'a')];
  assert.equal(cipher.decrypt(one, 'a'), SECRET);
  assert.equal(createSecretCipher(['a secret key of the tests, long enough']).decrypt(other, 'a'), SECRET);
  assert.ok(!one.equals(other) && !one.includes(SECRET));
});

test('a secret is decrypted only with its own SECRET_KEY and for its own owner', () => {
  const encrypted = cipher.encrypt(SECRET, 'a');
  assert.throws(() => cipher.decrypt(encrypted, 'b'), isOfAnother);
  assert.throws(
    () => createSecretCipher(['another secret key of the tests, long']).decrypt(encrypted, 'a'),
    isOfAnother,
  );
  assert.deepEqual([cipher.reads(encrypted, 'a'), cipher.reads(encrypted, 'b')], [true, false]);
});

test('with a new and an old SECRET_KEY both are read, the new one encrypts, and what is old is renewed', () => {
  const [old, next] = ['the old key, as long as others are', 'the new key, as long as others are'];
  const both = createSecretCipher([next, old]);
  const only = createSecretCipher([next]);
  const before = createSecretCipher([old]).encrypt(SECRET, 'a');
  assert.equal(both.decrypt(before, 'a'), SECRET);
  const renewed = both.renew(before, 'a');
  assert.ok(renewed);
  assert.equal(only.decrypt(renewed, 'a'), SECRET);
  assert.equal(only.decrypt(both.encrypt(SECRET, 'a'), 'a'), SECRET);
  assert.equal(both.renew(renewed, 'a'), null);
  assert.throws(() => both.renew(before, 'b'), isOfAnother);
  assert.throws(() => only.renew(before, 'a'), isOfAnother);
});

test('a secret with any byte changed or lost is not decrypted', () => {
  const encrypted = cipher.encrypt(SECRET, 'a');
  for (let index = 0; index < encrypted.length; index++) {
    const changed = Buffer.from(encrypted);
    changed[index] = (encrypted[index] as number) ^ 1;
    assert.throws(() => cipher.decrypt(changed, 'a'), isOfAnother, `byte ${index}`);
    assert.throws(() => cipher.decrypt(encrypted.subarray(0, index), 'a'), isOfAnother, `${index} bytes`);
  }
});

test('without SECRET_KEY nothing is encrypted or decrypted, and the error says what to set', () => {
  const none = createSecretCipher(undefined);
  assert.throws(() => none.encrypt(SECRET, 'a'), {
    body: {
      errorCode: 501,
      message: 'SECRET_KEY is not set: set it to 32 characters or more, the same for every API process',
    },
  });
  const encrypted = cipher.encrypt(SECRET, 'a');
  assert.throws(() => none.decrypt(encrypted, 'a'), isUnreadable('SECRET_KEY is not set'));
  assert.ok(!none.reads(encrypted, 'a'));
});
