import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  EnvelopeScanner,
  JsonDepthError,
  JsonElementTooLargeError,
  JsonSyntaxError,
} from '../../src/json/envelope-scanner.ts';
import { inPieces, type Limits, scan } from './support.ts';

const events = (text: string, limits?: Limits) => scan([Buffer.from(text)], limits);

describe('the limits of an envelope', () => {
  const depthError = (offset: number, maxDepth: number) => (error: unknown) => {
    assert.ok(error instanceof JsonDepthError && error instanceof JsonSyntaxError, String(error));
    assert.equal(error.offset, offset);
    assert.equal(error.message, `nested deeper than ${maxDepth} levels at byte ${offset}`);
    return true;
  };

  it('the depth counts from the top-level object', () => {
    assert.equal(events('{"jobs":[[1]],"a":[[1]]}', { maxDepth: 3 }).length, 3);
    assert.throws(() => events('{"jobs":[[[1]]]}', { maxDepth: 3 }), depthError(10, 3));
    assert.throws(() => events('{"a":[{"b":[1]}]}', { maxDepth: 3 }), depthError(11, 3));
    assert.throws(() => events('{"jobs":[]}', { maxDepth: 1 }), depthError(8, 1));
    assert.throws(() => events('{"a":{}}', { maxDepth: 1 }), depthError(5, 1));
  });

  it('the depth counts open brackets, not closed ones or those in strings', () => {
    const body = `{"jobs":[${'[],'.repeat(100)}"${'['.repeat(100)}"]}`;
    assert.equal(events(body, { maxDepth: 3 }).length, 102);
  });

  it('the depth limit applies before the value ends', () => {
    assert.throws(() => events(`{"jobs":${'['.repeat(10_000)}`), depthError(507, 500));
  });

  const tooLarge = (message: string) => (error: unknown) => {
    assert.ok(error instanceof JsonElementTooLargeError, String(error));
    assert.equal(error.message, message);
    return true;
  };

  it('a value may have the allowed number of bytes and no more', () => {
    assert.equal(events('{"jobs":[1,"€"],"a":  12345  }', { maxElementBytes: 6 }).length, 4);
    for (const size of [1, 4, 100]) {
      const pieces = (text: string) => inPieces(Buffer.from(text), size);
      const limits = { maxElementBytes: 6 };
      assert.throws(
        () => scan(pieces('{"jobs":[1,"€€"]}'), limits),
        tooLarge('jobs[1] is larger than 6 bytes'),
      );
      assert.throws(
        () => scan(pieces('{"a":1234567}'), limits),
        tooLarge('member "a" is larger than 6 bytes'),
      );
      assert.throws(
        () => scan(pieces('{"abcdef":1}'), limits),
        tooLarge('a member name is larger than 6 bytes'),
      );
    }
  });

  it('the size limit applies to a value that never ends', () => {
    const scanner = new EnvelopeScanner({ arrayMember: 'jobs', maxDepth: 500, maxElementBytes: 1000 });
    const piece = Buffer.alloc(100, '1');
    scanner.push(Buffer.from('{"jobs":['));
    for (let index = 0; index < 10; index++) assert.deepEqual(scanner.push(piece), []);
    assert.throws(() => scanner.push(piece), tooLarge('jobs[0] is larger than 1000 bytes'));
  });

  it('a long key is shown shortened in the error', () => {
    const key = 'k'.repeat(200);
    assert.throws(
      () => events(`{"${key}":"${'x'.repeat(300)}"}`, { maxElementBytes: 250 }),
      tooLarge(`member "${'k'.repeat(100)}" is larger than 250 bytes`),
    );
  });
});
