import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EnvelopeScanner, JsonSyntaxError } from '../../src/json/envelope-scanner.ts';
import { assemble, inPieces, type Limits, scan } from './support.ts';

/** The events as short lines, such as `member a = 1`. */
function eventLines(text: string, limits: Limits = {}, size = 1000): string[] {
  return scan(inPieces(Buffer.from(text), size), limits).map((event) => {
    switch (event.kind) {
      case 'member':
        return `member ${event.key} = ${event.value}`;
      case 'element':
        return `element ${event.value}`;
      default:
        return 'array-end';
    }
  });
}

function refuses(text: string | Buffer, message: string, offset: number): void {
  for (const size of [1, 3, 1000]) {
    assert.throws(
      () => scan(inPieces(Buffer.from(text), size)),
      (error: unknown) => {
        assert.ok(error instanceof JsonSyntaxError, String(error));
        assert.deepEqual([error.message, error.offset], [message, offset]);
        return true;
      },
    );
  }
}

describe('the events of an envelope', () => {
  it('the scanner reports elements, the end of the array and other members in the order of the body', () => {
    assert.deepEqual(eventLines('{"a":1,"jobs":[{"x":[1,"]"]},"s",-1.5e3,null],"b":{"c":[]}}'), [
      'member a = 1',
      'element {"x":[1,"]"]}',
      'element "s"',
      'element -1.5e3',
      'element null',
      'array-end',
      'member b = {"c":[]}',
    ]);
  });

  it('the scanner trims white space around values and keeps it inside them', () => {
    assert.deepEqual(eventLines(' \t\r\n{ "a" : true ,\n"jobs" : [ 1 , { "x" : 2 } ] } \n'), [
      'member a = true',
      'element 1',
      'element { "x" : 2 }',
      'array-end',
    ]);
  });

  it('the scanner accepts an empty object and an empty array', () => {
    assert.deepEqual(eventLines('{}'), []);
    assert.deepEqual(eventLines('{ }'), []);
    assert.deepEqual(eventLines('{"jobs":[ ]}'), ['array-end']);
  });

  it('the scanner reports the array member as an ordinary member when it is not an array', () => {
    assert.deepEqual(eventLines('{"jobs":{"0":[1]}}'), ['member jobs = {"0":[1]}']);
    assert.deepEqual(eventLines('{"jobs":null}'), ['member jobs = null']);
  });

  it('the scanner looks for the array only at the top level', () => {
    assert.deepEqual(eventLines('{"a":{"jobs":[1]}}'), ['member a = {"jobs":[1]}']);
  });

  it('the scanner unescapes keys', () => {
    assert.deepEqual(eventLines('{"j\\u006fbs":[1],"\\"\\\\":2,"__proto__":3}'), [
      'element 1',
      'array-end',
      'member "\\ = 2',
      'member __proto__ = 3',
    ]);
  });

  it('the scanner skips one byte-order mark at the start', () => {
    assert.deepEqual(eventLines('\ufeff {"a":1}'), ['member a = 1']);
    assert.deepEqual(assemble(scan(inPieces(Buffer.from('\ufeff{"a":1}'), 1))), { a: 1 });
  });

  it('the scanner reports repeated members in order', () => {
    assert.deepEqual(eventLines('{"a":1,"a":2}'), ['member a = 1', 'member a = 2']);
  });

  it('the scanner reports an element at its last byte, and a number at the byte after it', () => {
    const scanner = new EnvelopeScanner({ arrayMember: 'jobs', maxDepth: 500, maxElementBytes: 100 });
    const kinds = (text: string) => scanner.push(Buffer.from(text)).map((event) => event.kind);
    assert.deepEqual(kinds('{"jobs":[{"a":1}'), ['element']);
    assert.deepEqual(kinds(',"b"'), ['element']);
    assert.deepEqual(kinds(',12'), []);
    assert.deepEqual(kinds('3]'), ['element', 'array-end']);
    assert.deepEqual(kinds('}'), []);
    assert.deepEqual(scanner.end(), []);
  });
});

describe('a body that is wrapped', () => {
  const wrapper = 'batch';
  const inner = '{"a":{"batch":{}},"jobs":[1,{"b":2}],"c":[]}';
  const lines = ['member a = {"batch":{}}', 'element 1', 'element {"b":2}', 'array-end', 'member c = []'];

  it('the scanner splits the object in the only member as if it were the body', () => {
    for (const size of [1, 3, 1000]) {
      assert.deepEqual(eventLines(inner, { wrapper }, size), lines);
      assert.deepEqual(eventLines(` { "batch" : ${inner} } `, { wrapper }, size), lines);
    }
    assert.deepEqual(eventLines('{"batch":{}}', { wrapper }), []);
  });

  it('a member with the name of the wrapper is an ordinary one when it is not an object, or not the first', () => {
    assert.deepEqual(eventLines('{"batch":[1]}', { wrapper }), ['member batch = [1]']);
    assert.deepEqual(eventLines('{"a":1,"batch":{}}', { wrapper }), ['member a = 1', 'member batch = {}']);
    assert.deepEqual(eventLines('{"batch":{"batch":{"jobs":[1]}}}', { wrapper }), [
      'member batch = {"jobs":[1]}',
    ]);
  });

  it('a wrapped body has nothing beside its object, and counts as one level', () => {
    for (const text of ['{"batch":{},"a":1}', '{"batch":{}', '{"batch":{}}}', '{"batch":{},}'])
      assert.throws(() => eventLines(text, { wrapper }), JsonSyntaxError, text);
    assert.deepEqual(eventLines('{"batch":{"jobs":[[1]]}}', { wrapper, maxDepth: 4 }), [
      'element [1]',
      'array-end',
    ]);
    assert.throws(() => eventLines('{"batch":{"jobs":[[1]]}}', { wrapper, maxDepth: 3 }), /nested/);
  });
});

describe('pieces of a body', () => {
  const text =
    '\ufeff{"k\\"€":"\\\\\\"😀\\u20ac", "jobs" : [ -12.5e+3 ,true,"a\\\\",{"b":["\\"]",[{}]]} ] ,"z":[ ] }\n';
  const body = Buffer.from(text);
  const whole = JSON.parse(text.slice(1));

  it('a body may be split in two at any place', () => {
    for (let at = 0; at <= body.length; at++) {
      assert.deepEqual(assemble(scan([body.subarray(0, at), body.subarray(at)])), whole, `cut at ${at}`);
    }
  });

  it('pieces of a body may have any size, and may be empty', () => {
    for (const size of [1, 2, 3, 7]) {
      const pieces = inPieces(body, size).flatMap((piece) => [piece, Buffer.alloc(0)]);
      assert.deepEqual(assemble(scan(pieces)), whole, `pieces of ${size}`);
    }
  });

  it('a piece may be overwritten after the push without harm to an unfinished value', () => {
    const scanner = new EnvelopeScanner({ arrayMember: 'jobs', maxDepth: 500, maxElementBytes: 100 });
    const reused = Buffer.from('{"jobs":["abc');
    scanner.push(reused);
    reused.fill(0);
    assert.equal(String(Object(scanner.push(Buffer.from('def"]}'))[0]).value), '"abcdef"');
  });
});

describe('memory', () => {
  const startOf = (bytes: Buffer) => [bytes.buffer, bytes.byteOffset];

  it('a value inside one piece shares its memory', () => {
    const body = Buffer.from('{"a":"b","jobs":[{"x":1},2]}');
    const values = scan([body]).flatMap((event) => (event.kind === 'array-end' ? [] : [event.value]));
    assert.deepEqual(values.map(String), ['"b"', '{"x":1}', '2']);
    for (const value of values) {
      assert.deepEqual(startOf(value), startOf(body.subarray(body.indexOf(value))));
    }
  });

  it('a large element in small pieces is copied a bounded number of times per byte', (t: TestContext) => {
    const size = 20 * 2 ** 20;
    const text = Buffer.alloc(size, 'no power of two long ');
    text[0] = text[size - 1] = 0x22;
    const pieces = inPieces(Buffer.concat([Buffer.from('{"jobs":['), text, Buffer.from(']}')]), 2 ** 14);
    const copy = t.mock.method(Buffer.prototype, 'copy');
    const concat = t.mock.method(Buffer, 'concat');
    const allocate = t.mock.method(Buffer, 'allocUnsafe');

    const [element] = scan(pieces, { maxElementBytes: size });

    assert.ok(element?.kind === 'element' && element.value.equals(text));
    const copied = copy.mock.calls.reduce(
      (sum: number, call: { result?: number }) => sum + (call.result ?? 0),
      0,
    );
    assert.ok(copied >= size && copied <= 3 * size, `${copied} bytes copied`);
    assert.ok(allocate.mock.callCount() <= Math.log2(size), `${allocate.mock.callCount()} buffers`);
    assert.equal(concat.mock.callCount(), 0);
  });

  it('memory grows with the bytes of an element, not with the number of its pieces', (t: TestContext) => {
    const allocate = t.mock.method(Buffer, 'allocUnsafe');
    scan(inPieces(Buffer.from(`{"jobs":["${'x'.repeat(8190)}"]}`), 1));
    const sizes = allocate.mock.calls.map((call) => call.arguments[0]).filter((size) => size > 1024);
    assert.deepEqual(sizes, [2048, 4096, 8192]);
  });
});

describe('bodies that are refused', () => {
  it('a body that is not an object is refused', () => {
    for (const text of ['[]', '"a"', '1', 'null', 'x', '\u00a0{}', '\ufeff[1]']) {
      refuses(text, 'the body is not a JSON object', text.startsWith('\ufeff') ? 3 : 0);
    }
  });

  it('a byte-order mark that is broken, doubled or elsewhere is refused', () => {
    refuses(Buffer.from([0xef, 0xbb, 0x7b, 0x7d]), 'the body is not a JSON object', 2);
    refuses(Buffer.from([0xef, 0x20, 0xbb, 0xbf, 0x7b, 0x7d]), 'the body is not a JSON object', 2);
    refuses('\ufeff\ufeff{}', 'the body is not a JSON object', 3);
    refuses(' \ufeff{}', 'the body is not a JSON object', 1);
    refuses('{"jobs":[\ufeff1]}', 'expected a value or "]" at byte 9', 9);
  });

  it('a body that ends too early is refused', () => {
    const body = '{"a":1,"jobs":[{"b":"\\u20ac"},true]}';
    for (let length = 0; length < body.length; length++) {
      refuses(body.slice(0, length), 'unexpected end of body', length);
    }
  });

  it('a body with a comma too many or too few is refused', () => {
    refuses('{"jobs":[1,,2]}', 'expected a value at byte 11', 11);
    refuses('{"jobs":[1,]}', 'expected a value at byte 11', 11);
    refuses('{"jobs":[,1]}', 'expected a value or "]" at byte 9', 9);
    refuses('{"jobs":[1 2]}', 'expected "," or "]" at byte 11', 11);
    refuses('{"jobs":["a""b"]}', 'expected "," or "]" at byte 12', 12);
    refuses('{"jobs":[{}{}]}', 'expected "," or "]" at byte 11', 11);
    refuses('{"a":1,}', 'expected a member name at byte 7', 7);
    refuses('{,}', 'expected a member name or "}" at byte 1', 1);
    refuses('{"a":1 "b":2}', 'expected "," or "}" at byte 7', 7);
  });

  it('a body that lacks a colon, a name or a value is refused', () => {
    refuses('{"a" 1}', 'expected ":" at byte 5', 5);
    refuses('{"a"}', 'expected ":" at byte 4', 4);
    refuses('{"a"::1}', 'expected a value at byte 5', 5);
    refuses('{"a":}', 'expected a value at byte 5', 5);
    refuses('{1:2}', 'expected a member name or "}" at byte 1', 1);
    refuses('{"a":1,b:2}', 'expected a member name at byte 7', 7);
    refuses("{'a':1}", 'expected a member name or "}" at byte 1', 1);
  });

  it('a body with text after its last brace is refused', () => {
    refuses('{} x', 'expected the end of the body at byte 3', 3);
    refuses('{}{}', 'expected the end of the body at byte 2', 2);
    refuses('{"jobs":[]}]', 'expected the end of the body at byte 11', 11);
    refuses('{}\0', 'expected the end of the body at byte 2', 2);
  });

  it('a body with brackets that do not match is refused', () => {
    refuses('{"jobs":[1}', 'expected "," or "]" at byte 10', 10);
    refuses('{"jobs":[{"a":[1}]]}', 'unexpected "}" at byte 16', 16);
    refuses('{"jobs":[[{"a":1]}]}', 'unexpected "]" at byte 16', 16);
    refuses('{"a":{]}', 'unexpected "]" at byte 6', 6);
    refuses('{"a":1]', 'expected "," or "}" at byte 6', 6);
  });

  it('a body with a malformed member name is refused', () => {
    refuses('{"a":1,"\\x":2}', 'malformed member name at byte 7', 7);
    refuses('{ "a\nb":2}', 'malformed member name at byte 2', 2);
  });

  it('a body with the array member twice is refused, whatever its values are', () => {
    refuses('{"jobs":[1],"jobs":[2]}', 'duplicate member "jobs" at byte 12', 12);
    refuses('{"jobs":[1],"\\u006aobs":2}', 'duplicate member "jobs" at byte 12', 12);
    refuses('{"jobs":1,"jobs":[2]}', 'duplicate member "jobs" at byte 10', 10);
  });
});
