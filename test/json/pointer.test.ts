import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  comparePaths,
  depthOf,
  type Insertion,
  insertInto,
  NoPlaceError,
  parsePointer,
  pointerTo,
  textsAt,
} from '../../src/json/pointer.ts';
import { arrayText, below, objectText, seeded } from './random-json.ts';

function path(pointer: string): string[] {
  const parts = parsePointer(pointer);
  assert.ok(parts, pointer);
  return parts;
}

function textAt(json: string, own: readonly string[]): string | undefined {
  return textsAt(json, [own])[0];
}

function inserted(json: string, values: Record<string, string>): string {
  const insertions = Object.entries(values).map(
    ([pointer, value]): Insertion => ({ path: path(pointer), value }),
  );
  return insertInto(
    json,
    insertions.sort((one, other) => comparePaths(one.path, other.path)),
  );
}

test('a JSON Pointer is parsed as RFC 6901 says, and anything else is not one', () => {
  assert.deepEqual(parsePointer(''), []);
  assert.deepEqual(parsePointer('/'), ['']);
  assert.deepEqual(parsePointer('/a~1b/m~0n/~01/0'), ['a/b', 'm~n', '~1', '0']);
  for (const wrong of ['a', 'a/b', '#/a', '/~', '/a~2', '/a~'])
    assert.equal(parsePointer(wrong), null, wrong);
  assert.equal(pointerTo(['a/b', 'm~n', '']), '/a~1b/m~0n/');
});

test('a value is found as it is written', () => {
  const json = ' {"a" : [1, {"b/c": 9007199254740993 }], "a\\u0062":"x", "":{"~":[ ]} , "n":null} ';
  assert.equal(textAt(json, path('/a/1/b~1c')), '9007199254740993');
  assert.equal(textAt(json, path('/a/0')), '1');
  assert.equal(textAt(json, path('/ab')), '"x"');
  assert.equal(textAt(json, path('//~0')), '[ ]');
  assert.equal(textAt(json, path('/n')), 'null');
  for (const absent of [
    '/b',
    '/a/2',
    '/a/-',
    '/a/01',
    '/a/b',
    '/ab/0',
    '/n/x',
    '/__proto__',
    '/toString',
    '/a/length',
  ])
    assert.equal(textAt(json, path(absent)), undefined, absent);
  assert.equal(textAt('{"a":1,"a":{"b":2}}', path('/a/b')), '2');
  assert.equal(textAt('{"a":{"b":2},"a":1}', path('/a/b')), undefined);
});

test('values are put into a text, and the rest of it stays as it is written', () => {
  assert.equal(
    inserted('{ "x" : 1.0 , "y":2 }', { '/x': '9007199254740993' }),
    '{ "x" : 9007199254740993 , "y":2 }',
  );
  assert.equal(inserted('{}', { '/a': '1', '/b': '[2]' }), '{"a":1,"b":[2]}');
  assert.equal(inserted('{"a":1e2}', { '/b': '2' }), '{"a":1e2,"b":2}');
  assert.equal(inserted('{"a":[]}', { '/a/0': '1', '/a/1': '2', '/a/-': '3' }), '{"a":[1,2,3]}');
  assert.equal(inserted('{"a":[0 ,0]}', { '/a/1': '1', '/a/2': '2' }), '{"a":[0 ,1,2]}');
  assert.equal(inserted('[{"b":{}}]', { '/0/b/c': '{}', '/0/b/c/d': '5' }), '[{"b":{"c":{"d":5}}}]');
  assert.equal(inserted('{"a":1}', { '': '{"b":2}', '/c': '3' }), '{"b":2,"c":3}');
  assert.equal(
    inserted('{}', { '/__proto__': '{"x":1}', '/__proto__/y': '2' }),
    '{"__proto__":{"x":1,"y":2}}',
  );
});

test('positions come in the order of their numbers', () => {
  const values = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`/a/${11 - n}`, String(11 - n)]));
  assert.equal(inserted('{"a":[]}', { '/a/-': '12', ...values }), '{"a":[0,1,2,3,4,5,6,7,8,9,10,11,12]}');
});

test('of members with equal names, the last gets the value', () => {
  assert.deepEqual(JSON.parse(inserted('{"a":1,"\\u0061":2}', { '/a': '3' })), { a: 3 });
  assert.deepEqual(JSON.parse(inserted('{"a":1,"a":{}}', { '/a/b': '3' })), { a: { b: 3 } });
  assert.throws(() => inserted('{"a":{},"a":1}', { '/a/b': '3' }), NoPlaceError);
});

test('a place whose object or array is not there is not found', () => {
  for (const [json, pointer] of [
    ['{}', '/a/b'],
    ['{"a":1}', '/a/b'],
    ['{"a":null}', '/a/0'],
    ['{"a":"b"}', '/a/-'],
    ['{"a":[]}', '/a/1'],
    ['{"a":[]}', '/a/b'],
    ['{"a":[]}', '/a/01'],
    ['{"a":[]}', '/a/-/b'],
    ['[]', '/0/0'],
    ['5', '/a'],
  ] as const)
    assert.throws(
      () => inserted(json, { [pointer]: '1' }),
      (error) => error instanceof NoPlaceError && pointerTo(error.path) === pointer,
      `${json} ${pointer}`,
    );
});

test('values that are cut out and put in at random places are found there', () => {
  const random = seeded(20);
  for (let round = 0; round < 2000; round++) {
    const json = below(random, 2) === 0 ? objectText(random) : arrayText(random);
    const paths = pathsOf(JSON.parse(json));
    const own = paths[below(random, paths.length)] ?? [];
    const cut = textAt(json, own);
    assert.deepEqual(JSON.parse(cut ?? ''), valueAt(JSON.parse(json), own));
    assert.deepEqual(
      textsAt(json, paths).map((text) => JSON.parse(text ?? '')),
      paths.map((one) => valueAt(JSON.parse(json), one)),
    );
    const value = objectText(random);
    const changed = insertInto(json, [{ path: own, value }]);
    assert.equal(textAt(changed, own), value.trim());
    assert.deepEqual(JSON.parse(insertInto(changed, [{ path: own, value: cut ?? '' }])), JSON.parse(json));
  }
});

test('the depth of a text counts arrays and objects outside of strings', () => {
  assert.equal(depthOf('1'), 0);
  assert.equal(depthOf('"[[["'), 0);
  assert.equal(depthOf('{"[\\"[":["\\\\",{}]}'), 3);
  assert.equal(depthOf('[[],[[]],[]]'), 3);
  assert.equal(depthOf(`${'['.repeat(500_000)}${']'.repeat(500_000)}`), 500_000);
});

test('a place in a text of some MB that is nested deeply is found in one pass', () => {
  const depth = 490;
  const filler = `"${'x'.repeat(4_000_000)}"`;
  const json = `${'{"a":'.repeat(depth)}[${filler}]${'}'.repeat(depth)}`;
  const place = [...Array.from({ length: depth }, () => 'a'), '-'];
  assert.equal(insertInto(json, [{ path: place, value: '1' }]).length, json.length + 2);
});

function pathsOf(value: unknown, to: string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [to];
  return [to, ...Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...to, name]))];
}

function valueAt(root: unknown, own: readonly string[]): unknown {
  let value = root;
  for (const part of own) value = (value as Record<string, unknown>)[part];
  return value;
}
