import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJobs, encodeJobs } from '../../src/store/chunk-body.ts';

const textOf = (jobs: readonly string[]) => `[${jobs.join(',')}]`;
const encode = (jobs: readonly string[]) => encodeJobs(jobs.map((job) => Buffer.from(job)));

describe("a chunk's jobs", () => {
  for (const [what, jobs] of [
    ['few', ['{"n":1.50e1}', '"\\u0000 \\ud800 ü"', ' {"a" : 1,"a":2} ']],
    ['many', Array.from({ length: 1000 }, (_, n) => `{"n": ${n}, "s": "ü€😀"}`)],
    ['one large one', [`{"s":"${'ü'.repeat(1024 * 1024)}"}`]],
  ] as const)
    test(`jobs are returned as they were stored: ${what}`, async () => {
      const body = await encode(jobs);
      assert.equal(await decodeJobs({ body, text: null }), textOf(jobs));
    });

  test('many jobs are compressed, and few are not', async () => {
    const few = ['{"n":1}', '{"n":2}'];
    assert.deepEqual((await encode(few)).subarray(1).toString(), textOf(few));
    const many = Array.from({ length: 1000 }, (_, n) => `{"namespace":"a","action":"b","params":{"n":${n}}}`);
    const { length } = await encode(many);
    assert.ok(length * 5 < textOf(many).length, `${length} bytes`);
  });

  test('jobs stored by the previous release are their text', async () => {
    assert.equal(await decodeJobs({ body: null, text: '[{"n":1}]' }), '[{"n":1}]');
  });

  test('jobs in an unknown format are an error that says so', async () => {
    await assert.rejects(decodeJobs({ body: Buffer.from([9, 1]), text: null }), /does not know: 9/);
  });
});
