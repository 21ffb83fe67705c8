import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketNameOf } from '../../../src/domain/bucket-key.ts';
import { bucketKey } from '../../../src/pipeline/throttle/bucket-key.ts';

const key = (by: string | undefined, params: unknown) => bucketKey('test.call', by, params, 'blue');

test('the bucket of a job is named by what shares the limit', () => {
  assert.equal(key(undefined, { a: 1 }), 'test.call||');
  assert.equal(key('tenant', {}), 'test.call|tenant|blue');
  assert.equal(key('/a/b~1c/0', { a: { 'b/c': ['x', 'y'] } }), 'test.call|/a/b~1c/0|x');
  assert.equal(key('/a', { a: 7 }), 'test.call|/a|7');
  assert.equal(key('/a', { a: { b: null } }), 'test.call|/a|{"b":null}');
  assert.equal(key('/a', {}), 'test.call|/a|');
  assert.equal(key('/a', null), 'test.call|/a|');
  assert.equal(key('/constructor', {}), 'test.call|/constructor|');
  assert.equal(
    key('host of /url', { url: 'https://API.example.com:443/x?y' }),
    'test.call|host of /url|api.example.com',
  );
  assert.equal(key('host of /url', { url: 'not a URL' }), 'test.call|host of /url|');
});

test('a value that is long or cannot be stored is named by its digest', () => {
  for (const value of ['x'.repeat(201), 'a\0b', '\ud800']) {
    const { value: name } = bucketNameOf(key('/a', { a: value }));
    assert.match(name, /^sha256:[0-9a-f]{64}$/);
  }
});

test('a name is read from its key, whatever the value is', () => {
  assert.deepEqual(bucketNameOf(key('/a', { a: 'x|y\nz' })), {
    action: 'test.call',
    by: '/a',
    value: 'x|y\nz',
  });
});
