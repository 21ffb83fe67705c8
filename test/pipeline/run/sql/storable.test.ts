import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireStorable } from '../../../../src/pipeline/run/sql/storable.ts';

const refused = (place: string) => ({
  name: 'NonRetryableError',
  message: `${place} must not contain U+0000 or half of a surrogate pair`,
});

test('a statement that Postgres stores unchanged is sent', () => {
  requireStorable('select $1, $2', ['é 😀', 1, null, undefined, true, new Date(), ['a', ['b', 2]]]);
  requireStorable('select 1');
  // Sent as JSON, which escapes halves of surrogate pairs; bytes are not text.
  requireStorable('select $1::json, $2::bytea', [{ a: '\ud800' }, Buffer.from([0])]);
});

test('a statement that Postgres would not store unchanged is refused, and the error names the value', () => {
  for (const text of ['\ud800', 'a\u0000b', '😀\udc00']) {
    assert.throws(() => requireStorable(`select '${text}'`), refused('the statement'));
    assert.throws(() => requireStorable('select $1, $2', ['a', text]), refused('$2 of a statement'));
    assert.throws(() => requireStorable('select $1', [['a', ['b', text]]]), refused('$1 of a statement'));
  }
});
