import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonDepthError } from '../../src/json/envelope-scanner.ts';
import { LineScanner, LineTooLongError } from '../../src/json/line-scanner.ts';
import { below, seeded } from './random-json.ts';
import { inPieces } from './support.ts';

const LIMITS = { maxLineBytes: 1000, maxDepth: 500 };

/** The lines of a body that arrives in pieces of this size: number and text of each. */
function scan(body: string | Buffer, size = 64, limits = LIMITS): [number, string][] {
  const scanner = new LineScanner(limits);
  const lines = inPieces(Buffer.from(body as string), size).flatMap((piece) => scanner.push(piece));
  return [...lines, ...scanner.end()].map(({ number, value }) => [number, value.toString()]);
}

/** The same for pieces of any size. */
function scanAnyhow(body: string | Buffer, limits = LIMITS): [number, string][] {
  const whole = scan(body, 1_000_000, limits);
  for (const size of [1, 2, 3, 5, 7]) assert.deepEqual(scan(body, size, limits), whole, `pieces of ${size}`);
  return whole;
}

describe('the lines of a body', () => {
  it('lines end with a line feed, or with a carriage return and a line feed', () => {
    assert.deepEqual(scanAnyhow('1\n{"a":2}\r\n"3"\n'), [
      [1, '1'],
      [2, '{"a":2}'],
      [3, '"3"'],
    ]);
  });

  it('the last line needs no end', () => {
    for (const end of ['', '\r', ' '])
      assert.deepEqual(scanAnyhow(`1\n2${end}`), [
        [1, '1'],
        [2, '2'],
      ]);
  });

  it('lines are counted from 1, and empty ones are counted but skipped', () => {
    assert.deepEqual(scanAnyhow('\n\r\n1\n \t \n\n2\n\n'), [
      [3, '1'],
      [6, '2'],
    ]);
  });

  it('lines come without the white space around them, but with that inside', () => {
    assert.deepEqual(scanAnyhow('  {"a": 1}\t\n\t[1,\r2] \r\n'), [
      [1, '{"a": 1}'],
      [2, '[1,\r2]'],
    ]);
  });

  it('one byte-order mark is allowed, on the first line only', () => {
    assert.deepEqual(scanAnyhow('\ufeff1\n\ufeff2\n'), [
      [1, '1'],
      [2, '\ufeff2'],
    ]);
    assert.deepEqual(scanAnyhow('\ufeff\n1'), [[2, '1']]);
    assert.deepEqual(scanAnyhow('\ufeff\ufeff1'), [[1, '\ufeff1']]);
    assert.deepEqual(scanAnyhow(Buffer.from([0xef, 0xbb])), [[1, Buffer.from([0xef, 0xbb]).toString()]]);
  });

  it('a body without lines has none', () => {
    for (const body of ['', '\n', '\r\n\r\n', ' ', '\ufeff', '\ufeff\r\n'])
      assert.deepEqual(scanAnyhow(body), []);
  });

  it('lines may contain anything except a line feed: they are split, not checked', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xc3, 0x28]);
    const scanner = new LineScanner(LIMITS);
    const lines = [...scanner.push(bytes), ...scanner.end()].map(({ value }) => [...value]);
    assert.deepEqual(lines, [
      [0xff, 0x00],
      [0xc3, 0x28],
    ]);
  });

  it('lines equal those of a split of the whole text, wherever the pieces end', () => {
    const random = seeded(7);
    const parts = ['{"a":1}', '"é€😀"', ' ', '\r', '\n', '\n', '\r\n', '\t', '1'];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: below(random, 40) }, () => parts[below(random, parts.length)]).join(
        '',
      );
      const expected = text
        .split('\n')
        .map((line, index) => [index + 1, line.replace(/^[ \t\r]+|[ \t\r]+$/g, '')] as [number, string])
        .filter(([, line]) => line !== '');
      assert.deepEqual(scan(text, 1 + below(random, 9)), expected, JSON.stringify(text));
    }
  });

  it('lines do not share memory that a later line is written to', () => {
    const scanner = new LineScanner(LIMITS);
    const first = ['"on', 'e"\n'].flatMap((text) => scanner.push(Buffer.from(text)));
    const second = ['"tw', 'o"\n'].flatMap((text) => scanner.push(Buffer.from(text)));
    assert.deepEqual(
      [...first, ...second].map(({ value }) => value.toString()),
      ['"one"', '"two"'],
    );
  });
});

describe('the limits of lines', () => {
  const tooLong = (line: number, maxBytes: number) => (error: unknown) => {
    assert.ok(error instanceof LineTooLongError, String(error));
    assert.deepEqual([error.line, error.message], [line, `line ${line} is longer than ${maxBytes} bytes`]);
    return true;
  };

  it('a line may have the allowed number of bytes and no more, with any line end', () => {
    const limits = { ...LIMITS, maxLineBytes: 10 };
    for (const end of ['\n', '\r\n', ''])
      for (const size of [1, 3, 1000]) {
        assert.deepEqual(scan(`1\n"${'x'.repeat(8)}"${end}`, size, limits).at(-1), [2, `"${'x'.repeat(8)}"`]);
        assert.throws(() => scan(`1\n"${'x'.repeat(9)}"${end}`, size, limits), tooLong(2, 10));
      }
    assert.deepEqual(scan(`\ufeff"${'x'.repeat(8)}"\r\n`, 4, limits), [[1, `"${'x'.repeat(8)}"`]]);
  });

  it('the size limit applies before the line ends', () => {
    const scanner = new LineScanner({ ...LIMITS, maxLineBytes: 10 });
    scanner.push(Buffer.from('1\n2\n"xxxxxxx'));
    assert.throws(() => scanner.push(Buffer.from('yyyyyyyyyyyy')), tooLong(3, 10));
  });

  it('the depth counts for each line separately, and ignores brackets in strings', () => {
    const limits = { maxLineBytes: 100_000, maxDepth: 500 };
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const text = `{"a":"${'['.repeat(2000)}","b":[${'[],'.repeat(2000)}1]}`;
    assert.equal(scanAnyhow(`${nested(500)}\n${text}\n${nested(500)}`, limits).length, 3);
    for (const size of [1, 64, 1_000_000])
      assert.throws(
        () => scan(`1\n\n${nested(501)}\n`, size, limits),
        (error: unknown) => {
          assert.ok(error instanceof JsonDepthError);
          assert.equal(error.message, 'line 3: nested deeper than 500 levels at byte 500');
          return true;
        },
      );
  });

  it('a line whose brackets do not match is left to the parser', () => {
    const wrong = `${'['.repeat(600)}${'}'.repeat(600)}`;
    const unmatched = `{"a":[${'1,'.repeat(1000)}1}]}`;
    assert.deepEqual(scan(unmatched, 64, { maxLineBytes: 10_000, maxDepth: 500 }), [[1, unmatched]]);
    assert.throws(() => scan(wrong, 64, { maxLineBytes: 10_000, maxDepth: 500 }), JsonDepthError);
  });
});
