import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { elements, resultTexts, writtenOf } from '../../../src/pipeline/read/result-json.ts';
import type { Result } from '../../../src/pipeline/read/result-pages.ts';

const result = (index: number, more: Partial<Result> = {}): Result => ({
  index,
  id: undefined,
  namespace: '"test"',
  action: '"echo"',
  request: `{"n":${index}}`,
  response: 'null',
  status: 'succeeded',
  attempts: 1,
  startedAt: '2026-03-01T12:00:00.000Z',
  finishedAt: '2026-03-01T12:00:00.001Z',
  ...more,
});

describe('the text of a result', () => {
  test('the text of a result has every part unchanged, with any neighbours', () => {
    const page = [
      result(0),
      result(1),
      result(2, { id: '"a"' }),
      result(3, { id: '1.0', action: '"other"' }),
      result(4, { namespace: 'null', action: 'null', request: ' "x" ' }),
      result(5, { namespace: '"other"' }),
      result(6, { status: 'failed', response: '{"errorCode":461}' }),
      result(7, { status: 'failed', attempts: 2 }),
      result(8, { attempts: 2 }),
      result(9, { status: 'cancelled', attempts: 0, startedAt: null }),
      result(10, { startedAt: null }),
      result(11, { finishedAt: '2026-03-01T12:00:00.002Z' }),
      result(12),
    ];
    assert.deepEqual(
      resultTexts(page),
      page.map(
        ({ index, id, namespace, action, request, response, status, attempts, startedAt, finishedAt }) =>
          `{"index":${index},${id === undefined ? '' : `"id":${id},`}"namespace":${namespace},` +
          `"action":${action},"request":${request},"response":${response},"status":"${status}",` +
          `"attempts":${attempts},"startedAt":${JSON.stringify(startedAt)},"finishedAt":"${finishedAt}"}`,
      ),
    );
  });
});

describe('the bytes of many texts', () => {
  test('the bytes of many texts are all texts in UTF-8', () => {
    const words = ['', 'a', 'é€😀', '\ud800', '\0', 'x'.repeat(5000), 'ü'.repeat(3999)];
    for (const count of [0, 1, 2, 7, 100, 3000]) {
      const texts = Array.from({ length: count }, (_, n) => words[n % words.length] ?? '');
      assert.ok(writtenOf(texts).bytes.equals(Buffer.from(texts.join(''))), `${count} texts`);
      const lines = Buffer.from(texts.map((text) => `<${text}>`).join(''));
      const { bytes, starts } = writtenOf(texts, { before: '<', after: '>' });
      assert.ok(bytes.equals(lines), `${count} texts`);
      const offsets: number[] = [];
      let length = 0;
      for (const text of texts) {
        offsets.push(length);
        length += Buffer.byteLength(`<${text}>`);
      }
      // A text begins at each offset, and no place to continue from is far away.
      for (const [at, { offset, first }] of starts.entries()) {
        assert.equal(offset, offsets[first]);
        const next = starts[at + 1] ?? { offset: bytes.length, first: texts.length };
        assert.ok(next.offset - offset < 30_000 || next.first === first + 1);
      }
      assert.equal(starts[0]?.first, count === 0 ? undefined : 0);
    }
  });
});

describe('elements of an array', () => {
  test('the elements of an array have a comma before them, except the first of all', () => {
    const page = [result(0), result(1)];
    const text = resultTexts(page).join(',');
    assert.equal(elements(page, true).bytes.toString(), text);
    assert.equal(elements(page, false).bytes.toString(), `,${text}`);
  });
});
