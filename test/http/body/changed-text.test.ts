/**
 * Texts that would change on their way to the database or another host are refused; others are returned
 * unchanged.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';
import { getText } from '../v1/support.ts';

const system = await startSystem({ after });
const HALVES = ['\ud800', 'a\udfffb', '\udc00\ud800', '😀\ud83d'];

async function response(action: string, params: object): Promise<{ errorCode?: number; message?: string }> {
  const [namespace, name] = action.split('.');
  const asyncId = await system.run([{ namespace, action: name, params }]);
  await system.ended(asyncId);
  const [result] = await system.results(asyncId);
  assert.equal(result.attempts, 1, 'no further run changes it');
  return result.response;
}

describe('half of a surrogate pair', () => {
  for (const half of HALVES) {
    const shown = JSON.stringify(half);
    test(`half of a surrogate pair is refused in the name of a key: ${shown}`, async () => {
      const before = await storedRows(system.pool);
      for (const name of [half, 'a\u0000']) {
        const body = JSON.stringify({ name, permissions: ['*'] });
        const answer = await system.request('/v1/keys', { method: 'POST', body });
        assert.equal(answer.status, 400);
        assert.deepEqual(answer.body.errors, ['name must not contain U+0000 or half of a surrogate pair']);
      }
      assert.deepEqual(await storedRows(system.pool), before);
    });

    test(`half of a surrogate pair is refused in a callbackUrl: ${shown}`, async () => {
      const before = await storedRows(system.pool);
      const jobs = [{ namespace: 'test', action: 'echo', params: {} }];
      for (const url of [`http://127.0.0.1/${half}`, `http://127.0.0.1/?${half}`, 'http://127.0.0.1/a\tb']) {
        const answer = await system.rpc('run', { jobs, callbackUrl: url });
        assert.deepEqual([answer.status, answer.body.specificCode], [400, 24092]);
        assert.match(answer.body.message, /^callbackUrl is not allowed: a URL must be one line of text/);
      }
      assert.deepEqual(await storedRows(system.pool), before);
    });

    test(`half of a surrogate pair is refused in a request to another host: ${shown}`, async () => {
      const good = { method: 'POST', url: 'http://127.0.0.1:9/' };
      for (const [member, rule] of [
        [{ body: half }, 'body must not contain half of a surrogate pair'],
        [{ url: `http://127.0.0.1:9/${half}` }, 'url must be one line of text'],
      ] as const) {
        const jobs = [{ namespace: 'http', action: 'request', params: { ...good, ...member } }];
        const { status, body } = await system.rpc('validate', { jobs });
        assert.equal(status, 400);
        assert.ok(
          body.additionalMessages[0].startsWith(`jobs[0].params.${rule}`),
          body.additionalMessages[0],
        );
      }
    });

    test(`half of a surrogate pair fails the job whose action would store it, with and without a transaction: ${shown}`, async () => {
      const rule = 'must not contain U+0000 or half of a surrogate pair';
      for (const text of [half, 'a\u0000']) {
        for (const [action, params] of [
          ['test.behave', { effect: text }],
          ['work.post', { name: text }],
        ] as const)
          assert.deepEqual(await response(action, params), {
            errorCode: 400,
            message: `$1 of a statement ${rule}`,
          });
        const statements = ['select 1', `select '${text}'`];
        assert.deepEqual(await response('work.statements', { statements }), {
          errorCode: 400,
          message: `the statement ${rule}`,
        });
      }
      const { rows } = await system.pool.query("select from test.effect where name like '%\ufffd%'");
      assert.equal(rows.length, 0);
    });

    test(`half of a surrogate pair in the id of a line of CSV stays an escape: ${shown}`, async () => {
      const id = JSON.stringify(half);
      const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: {}, id: half }]);
      await system.ended(asyncId);
      const { body } = await getText(system, `/v1/batches/${asyncId}/results`, 'text/csv');
      assert.ok(body.includes(`\r\n0,"${id.replaceAll('"', '""')}",test,echo,`), body);
    });

    test(`half of a surrogate pair is returned unchanged when it need not be stored as text: ${shown}`, async () => {
      const params = { [half]: [half], nul: '\u0000' };
      assert.deepEqual(await response('test.echo', params), params);
    });
  }
});

test('a text that is too long for its pattern is refused like any other invalid text', async () => {
  const text = 'ж'.repeat(10_000_000);
  for (const [namespace, action, params] of [
    ['contact', 'addOrUpdateContact', { firstName: text, lastName: 'a', email: 'a@example.com' }],
    ['http', 'request', { method: 'GET', url: 'http://127.0.0.1/', headers: { a: text } }],
  ] as const) {
    const { status, body } = await system.rpc('validate', { jobs: [{ namespace, action, params }] });
    assert.deepEqual([status, body.specificCode], [400, 24092]);
    assert.match(body.additionalMessages[0], /^jobs\[0\]\.params/);
  }
});
