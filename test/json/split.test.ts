import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonSyntaxError } from '../../src/json/envelope-scanner.ts';
import { MemberReader, splitArray } from '../../src/json/split.ts';
import { arrayText, objectText, seeded } from './random-json.ts';

describe('splitArray', () => {
  it('splitArray returns the raw text of each element without white space around it', () => {
    const text = ' [ 1 ,"a, ]\\"" ,{"x" : [1, 2]},[[],{}] , null,-1.5E+3\n] ';
    assert.deepEqual(splitArray(text), ['1', '"a, ]\\""', '{"x" : [1, 2]}', '[[],{}]', 'null', '-1.5E+3']);
  });

  it('splitArray returns nothing for an empty array', () => {
    assert.deepEqual(splitArray('[]'), []);
    assert.deepEqual(splitArray(' [ \n ] '), []);
  });

  it('splitArray keeps the text as it was written', () => {
    assert.deepEqual(splitArray('["\\u0000\\ud800",1.0,12345678901234567890]'), [
      '"\\u0000\\ud800"',
      '1.0',
      '12345678901234567890',
    ]);
  });

  it('splitArray refuses a text that is not an array', () => {
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

  it('splitArray reports where the text is wrong', () => {
    assert.throws(() => splitArray('["€" 1]'), { offset: 5, message: 'expected "]" at character 5' });
    assert.throws(() => splitArray('[1,]'), { offset: 3, message: 'expected a value at character 3' });
    assert.throws(() => splitArray('[] x'), {
      offset: 3,
      message: 'expected the end of the text at character 3',
    });
    assert.throws(() => splitArray('[{"a":1'), { offset: 7, message: 'unexpected end of text' });
  });

  it('splitArray agrees with JSON.parse on random arrays', () => {
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

describe('MemberReader', () => {
  const members = (text: string, names: string[], index = 0) => new MemberReader(text, names).at(index);

  it('MemberReader returns the raw text of the named values, in the order of the names', () => {
    const text = ' [ { "a" : 1 ,"b\\"\\u20ac":{"x" : "}"},"":[ 1 ] , "c":null } ] ';
    assert.deepEqual(members(text, ['', 'a', 'b"€', 'c', 'd']), [
      '[ 1 ]',
      '1',
      '{"x" : "}"}',
      'null',
      undefined,
    ]);
  });

  it('MemberReader returns no values for an empty object', () => {
    assert.deepEqual(members('[{ }]', ['a']), [undefined]);
  });

  it('MemberReader lets the last of equal names win, in any notation', () => {
    const text = '[{"a":1,"b":2,"\\u0061":3},{"\\u0061":3,"a":1},{"a":1,"a":null}]';
    assert.deepEqual(members(text, ['a', 'b']), ['3', '2']);
    assert.deepEqual(members(text, ['a', 'b'], 1), ['1', undefined]);
    assert.deepEqual(members(text, ['a', 'b'], 2), ['null', undefined]);
  });

  it('MemberReader treats __proto__ like any other name', () => {
    const text = '[{"__proto__":{"x":1},"constructor":2}]';
    assert.deepEqual(members(text, ['constructor', '__proto__', 'toString']), ['2', '{"x":1}', undefined]);
  });

  it('MemberReader does not confuse names with the same beginning or end', () => {
    const text = '[{"id\\"":1,"xid":2,"ID":3,"i":4,"id ":5,"":6}]';
    assert.deepEqual(members(text, ['id']), [undefined]);
  });

  it('MemberReader returns an element that is not an object as its text', () => {
    const text = '[7, "a" ,[{"a":1}],null, {"a":1}]';
    const reader = new MemberReader(text, ['a']);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((index) => reader.at(index)),
      ['7', '"a"', '[{"a":1}]', 'null', ['1']],
    );
  });

  it('MemberReader skips elements forwards and never goes back', () => {
    const reader = new MemberReader('[{"a":"\\\\"},{"a":"\\""},{"a":"]"},{"a":3},{"a":4}]', ['a']);
    assert.deepEqual(reader.at(1), ['"\\""']);
    assert.deepEqual(reader.at(3), ['3']);
    for (const index of [3, 0, -1, 5]) assert.throws(() => reader.at(index), RangeError, `${index}`);
    assert.throws(() => new MemberReader('[]', ['a']).at(0), RangeError);
  });

  it('MemberReader refuses a text that is not an array of objects', () => {
    for (const text of ['', '{}', '"[]"', '[', '[{', '[{"a"', '[{"a":', '[{"a":}]', '[{"a":1', '[{"a":1,}]'])
      assert.throws(() => members(text, ['a']), JsonSyntaxError, text);
    for (const text of ['[{"a" 1}]', '[{a:1}]', '[{}}]', '[{"a":1]]'])
      assert.throws(() => members(text, ['a']), JsonSyntaxError, text);
  });

  it('MemberReader agrees with JSON.parse on random arrays of objects', () => {
    const random = seeded(2);
    const names = ['a', 'b', '__proto__', 'é"'];
    const written = ['"a"', '"b"', '"\\u0061"', '"__proto__"', '"é\\""', '"é\\u0022"', '"other"'];
    for (let round = 0; round < 2000; round++) {
      const objects = Array.from({ length: 4 }, () => objectText(random, 4, written));
      const text = `[${objects.join(' , ')}]`;
      const reader = new MemberReader(text, names);
      for (const [index, object] of objects.entries()) {
        if (index > 0 && index < 3 && random() < 0.3) continue;
        const parsed = JSON.parse(object);
        const texts = reader.at(index);
        assert.ok(Array.isArray(texts));
        for (const [at, name] of names.entries()) {
          const value = Object.hasOwn(parsed, name) ? parsed[name] : undefined;
          const found: string | undefined = texts[at];
          assert.deepEqual(found === undefined ? undefined : JSON.parse(found), value, text);
        }
      }
    }
  });
});
