import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonSyntaxError } from '../../src/json/envelope-scanner.ts';
import { splitArray, splitObject } from '../../src/json/slices.ts';
import { arrayText, objectText, seeded } from './random-json.ts';

describe('splitArray', () => {
  it('gives the raw text of each element without white space around it', () => {
    const text = ' [ 1 ,"a, ]\\"" ,{"x" : [1, 2]},[[],{}] , null,-1.5E+3\n] ';
    assert.deepEqual(splitArray(text), ['1', '"a, ]\\""', '{"x" : [1, 2]}', '[[],{}]', 'null', '-1.5E+3']);
  });

  it('gives nothing for an empty array', () => {
    assert.deepEqual(splitArray('[]'), []);
    assert.deepEqual(splitArray(' [ \n ] '), []);
  });

  it('keeps the text as it was written', () => {
    assert.deepEqual(splitArray('["\\u0000\\ud800",1.0,12345678901234567890]'), [
      '"\\u0000\\ud800"',
      '1.0',
      '12345678901234567890',
    ]);
  });

  it('refuses what is no array', () => {
    for (const text of [
      '',
      ' ',
      '{}',
      '1',
      '"[]"',
      '[',
      '[1',
      '[1,',
      '[1,]',
      '[,]',
      '["a',
      '["\\',
      '[[1]',
      '[1]]',
      '[1}',
    ]) {
      assert.throws(() => splitArray(text), JsonSyntaxError, text);
    }
  });

  it('says where in the text the fault is', () => {
    assert.throws(() => splitArray('["€" 1]'), { offset: 5, message: 'expected "]" at character 5' });
    assert.throws(() => splitArray('[1,]'), { offset: 3, message: 'expected a value at character 3' });
    assert.throws(() => splitArray('[] x'), {
      offset: 3,
      message: 'expected the end of the text at character 3',
    });
    assert.throws(() => splitArray('[{"a":1'), { offset: 7, message: 'unexpected end of text' });
  });

  it('agrees with JSON.parse on random arrays', () => {
    const random = seeded(1);
    for (let round = 0; round < 2000; round++) {
      const text = arrayText(random);
      const elements = splitArray(text);
      assert.deepEqual(
        elements.map((element) => JSON.parse(element)),
        JSON.parse(text),
        text,
      );
      assert.deepEqual(
        elements,
        elements.map((element) => element.trim()),
      );
    }
  });
});

describe('splitObject', () => {
  it('gives the raw text of each value by its unescaped key', () => {
    const text = ' { "a" : 1 ,"b\\"\\u20ac":{"x" : "}"},"":[ 1 ] } ';
    assert.deepEqual(
      [...splitObject(text)],
      [
        ['a', '1'],
        ['b"€', '{"x" : "}"}'],
        ['', '[ 1 ]'],
      ],
    );
  });

  it('gives nothing for an empty object', () => {
    assert.equal(splitObject('{ }').size, 0);
  });

  it('lets the last of equal keys win, written alike or not', () => {
    assert.deepEqual(
      [...splitObject('{"a":1,"b":2,"\\u0061":3}')],
      [
        ['a', '3'],
        ['b', '2'],
      ],
    );
  });

  it('has __proto__ as a key like any other', () => {
    const members = splitObject('{"__proto__":{"x":1},"constructor":2}');
    assert.equal(members.get('__proto__'), '{"x":1}');
    assert.equal(members.get('constructor'), '2');
    assert.equal(members.get('toString'), undefined);
  });

  it('refuses what is no object', () => {
    for (const text of [
      '',
      '[]',
      '"{}"',
      '{',
      '{"a"',
      '{"a":',
      '{"a":}',
      '{"a":1',
      '{"a":1,}',
      '{"a" 1}',
      '{a:1}',
      '{}}',
    ]) {
      assert.throws(() => splitObject(text), JsonSyntaxError, text);
    }
  });

  it('agrees with JSON.parse on random objects', () => {
    const random = seeded(2);
    for (let round = 0; round < 2000; round++) {
      const text = objectText(random, 4, ['"a"', '"b"', '"\\u0061"', '"__proto__"', '"é\\""']);
      const parsed = [...splitObject(text)].map(([key, value]) => [key, JSON.parse(value)]);
      assert.deepEqual(Object.fromEntries(parsed), JSON.parse(text), text);
    }
  });
});
