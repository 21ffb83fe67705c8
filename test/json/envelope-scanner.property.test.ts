import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JSONParser, Tokenizer, TokenType } from '@streamparser/json';
import { JsonDepthError, JsonSyntaxError } from '../../src/json/envelope-scanner.ts';
import { below, cut, damage, envelopeText, seeded } from './random-json.ts';
import { assemble, parseBytes, scan } from './support.ts';

/** `JSON.parse` of the whole body; undefined unless it is a JSON object. */
function parsedWhole(body: Buffer): unknown {
  try {
    const document = parseBytes(hasMark(body) ? body.subarray(3) : body);
    return typeof document === 'object' && !Array.isArray(document) ? (document ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}

function hasMark(body: Buffer): boolean {
  return body.subarray(0, 3).equals(Buffer.from('\ufeff'));
}

/** The result of the scanner and `JSON.parse` of each slice; undefined when either refuses. */
function parsedInSlices(pieces: Buffer[]): unknown {
  try {
    return assemble(scan(pieces));
  } catch (error) {
    assert.ok(error instanceof SyntaxError || error instanceof JsonSyntaxError, String(error));
    return error instanceof JsonSyntaxError && error.message.startsWith('duplicate')
      ? 'duplicate'
      : undefined;
  }
}

/** Asserts that both ways accept the same document or both refuse; true when they accepted. */
function agree(body: Buffer, pieces: Buffer[]): boolean {
  const inSlices = parsedInSlices(pieces);
  if (inSlices === 'duplicate') return false;
  const whole = parsedWhole(body);
  assert.deepEqual(inSlices, whole, JSON.stringify(body.toString()));
  return whole !== undefined;
}

/** The elements of the array `jobs` according to another streaming parser. */
function oracleElements(pieces: Buffer[]): unknown[] {
  const elements: unknown[] = [];
  const parser = new JSONParser({ paths: ['$.jobs.*'], keepStack: false });
  parser.onValue = ({ value, parent }) => {
    if (Array.isArray(parent)) elements.push(value);
  };
  for (const piece of pieces) parser.write(piece);
  return elements;
}

/** The deepest nesting of a body according to another tokenizer. */
function oracleDepth(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  const tokenizer = new Tokenizer();
  tokenizer.onToken = ({ token }) => {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) {
      deepest = Math.max(deepest, ++depth);
    } else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) depth--;
  };
  tokenizer.write(body);
  return deepest;
}

describe('random bodies', () => {
  it('a valid body is the same document in slices as whole, however it is split', () => {
    const random = seeded(1);
    for (let round = 0; round < 4000; round++) {
      const body = Buffer.from((random() < 0.1 ? '\ufeff' : '') + envelopeText(random));
      assert.ok(agree(body, cut(random, body)), body.toString());
    }
  });

  it('a damaged body is refused exactly when JSON.parse refuses the whole', () => {
    const random = seeded(2);
    let accepted = 0;
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const sound = Buffer.from(envelopeText(random));
      for (let times = 0; times < 8; times++) {
        const body = damage(random, random() < 0.3 ? damage(random, sound) : sound);
        if (agree(body, cut(random, body))) accepted++;
        else refused++;
      }
    }
    assert.ok(accepted > 2000 && refused > 2000, `${accepted} accepted, ${refused} refused`);
  });

  it('each short text is accepted or refused as by JSON.parse', () => {
    const alphabet = ['{', '}', '[', ']', ',', ':', '"', '\\', '1', ' '];
    let texts = [''];
    for (let length = 0; length <= 4; length++) {
      for (const text of texts) {
        for (const [before, after] of [
          ['', ''],
          ['{"jobs":[', ''],
          ['{"jobs":[', ']}'],
          ['{"a":1', '}'],
        ]) {
          const body = Buffer.from(before + text + after);
          agree(body, [body]);
        }
      }
      texts = texts.flatMap((text) => alphabet.map((character) => text + character));
    }
  });

  it('a body has the elements that another streaming parser finds', () => {
    const random = seeded(3);
    let compared = 0;
    for (let round = 0; round < 1000; round++) {
      const body = Buffer.from(envelopeText(random));
      const elements = scan(cut(random, body)).flatMap((event) =>
        event.kind === 'element' ? [JSON.parse(event.value.toString())] : [],
      );
      assert.deepEqual(elements, oracleElements(cut(random, body)), body.toString());
      compared += elements.length;
    }
    assert.ok(compared > 1000, `${compared} elements compared`);
  });

  it('a body is refused for its depth exactly when it is nested deeper than allowed', () => {
    const random = seeded(4);
    for (let round = 0; round < 1000; round++) {
      const body = Buffer.from(envelopeText(random));
      const depth = oracleDepth(body);
      const maxDepth = Math.max(1, depth - 1 + below(random, 3));
      const read = () => scan(cut(random, body), { maxDepth });
      if (depth > maxDepth) assert.throws(read, JsonDepthError);
      else assert.doesNotThrow(read);
    }
  });

  it('the offsets of a body do not depend on how it is split', () => {
    const random = seeded(5);
    const refusal = (pieces: Buffer[]) => {
      try {
        scan(pieces, { maxDepth: 5 });
        return 'none';
      } catch (error) {
        assert.ok(error instanceof JsonSyntaxError);
        return `${error.message} (${error.offset})`;
      }
    };
    for (let round = 0; round < 2000; round++) {
      const body = damage(random, Buffer.from(envelopeText(random)));
      assert.equal(refusal(cut(random, body)), refusal([body]), body.toString());
    }
  });
});
