import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CsvHeaderError, shapeOf } from '../../src/csv/columns.ts';
import { rowParams } from '../../src/csv/row-params.ts';

const text = { type: 'string' };
const schema = {
  type: 'object',
  properties: {
    name: text,
    age: { type: 'integer' },
    height: { type: 'number' },
    isMember: { type: 'boolean' },
    nick: { type: ['string', 'null'] },
    left: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    address: { $ref: '#/$defs/address' },
    tags: { type: 'array', items: text },
    scores: { type: 'array', items: { type: 'integer' } },
    extra: { type: 'object' },
    'odd.name': text,
  },
  $defs: { address: { type: 'object', properties: { city: text, number: { type: 'integer' } } } },
};

function paramsOf(header: string, ...cells: string[]): string {
  return rowParams(shapeOf(header.split(','), schema), cells);
}

suite('a row as params', () => {
  const rows: [name: string, header: string, cells: string[], params: string][] = [
    ['a text stays as it is', 'name', [' 007 '], '{"name":" 007 "}'],
    ['a number keeps its digits', 'age', ['9007199254740993'], '{"age":9007199254740993}'],
    ['white space around a number does not count', 'height', [' 1.50 '], '{"height":1.50}'],
    ['what is no number stays a text, which the schema refuses', 'age', ['old'], '{"age":"old"}'],
    ['true and false may be in upper case', 'isMember', ['TRUE'], '{"isMember":true}'],
    ['an empty cell is an absent member', 'name,age', ['', '4'], '{"age":4}'],
    ['an empty cell is null where null is allowed', 'nick,left', ['', ''], '{"nick":null,"left":null}'],
    [
      'names with dots nest',
      'address.city,address.number',
      ['Bern', '3'],
      '{"address":{"city":"Bern","number":3}}',
    ],
    ['a param whose name has a dot does not nest', 'odd.name', ['x'], '{"odd.name":"x"}'],
    ['numbers in names make arrays, in their order', 'tags.1,tags.0', ['b', 'a'], '{"tags":["a","b"]}'],
    [
      'elements whose cells are empty are left out',
      'scores.0,scores.1,scores.2',
      ['1', '', '3'],
      '{"scores":[1,3]}',
    ],
    ['a high index makes no long array', 'tags.9999', ['last'], '{"tags":["last"]}'],
    [
      'an object may be JSON in one cell',
      'extra',
      ['{"isArray":true,"members":{}}'],
      '{"extra":{"isArray":true,"members":{}}}',
    ],
    ['missing cells count as empty', 'name,age', ['Ada'], '{"name":"Ada"}'],
    [
      'a name that objects have by themselves is a name like others',
      '__proto__,name',
      ['x', 'y'],
      '{"__proto__":"x","name":"y"}',
    ],
  ];
  for (const [name, header, cells, params] of rows)
    test(name, () => assert.equal(paramsOf(header, ...cells), params));
});

suite('a header that names no params is refused with the reason', () => {
  const headers: [header: string, reason: string][] = [
    ['name,name', 'the columns name and name name the same place'],
    ['address,address.city', 'the columns address and address.city name the same place'],
    ['address.city,address', 'the columns address.city and address name the same place'],
    ['tags.0,tags.first', 'the columns tags.0 and tags.first make an array and an object of one place'],
    ['tags.00,tags.0', 'the columns tags.00 and tags.0 name the same place'],
    ['tags.10000', 'the column tags.10000 has too large an index'],
    ['name,', 'the column "" names no param'],
    ['address..city', 'the column "address..city" names no param'],
    [`a${'.a'.repeat(64)}`, `the column ${'a.'.repeat(50)} nests deeper than 64`],
    [Array.from({ length: 10_001 }, (_, n) => `c${n}`).join(','), 'it has more than 10000 columns'],
  ];
  for (const [header, message] of headers)
    test(`${header.slice(0, 30)}: ${message}`, () =>
      assert.throws(
        () => paramsOf(header),
        (error) => error instanceof CsvHeaderError && error.message === message,
      ));
});
