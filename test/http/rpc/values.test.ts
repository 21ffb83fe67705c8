/** Unusual JSON is returned byte for byte or refused with 400. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem({ after });

const PARAMS: Record<string, string> = {
  'a NUL character': '{"x":"\\u0000"}',
  'a NUL character in a name': '{"\\u0000":1}',
  'half a surrogate pair': '{"x":"\\ud800"}',
  'a surrogate pair the wrong way round': '{"x":"\\udc00\\ud800"}',
  'half a surrogate pair in a name': '{"\\ud800":1}',
  'an integer beyond 2^53': '{"x":9007199254740993}',
  'a number beyond every double': '{"x":1e400}',
  'a number of 400 digits': `{"x":${'1234567890'.repeat(40)}}`,
  'numbers in other notations': '{"x":[-0,1.0,0.10,1E5,1e-7,123456789012345678901234567890]}',
  'a name given twice': '{"x":1,"x":2}',
  'names of every object': '{"__proto__":{"n":"x"},"constructor":{"prototype":{"n":"x"}},"toString":1}',
  'an empty name': '{"":{"":""}}',
  'white space between everything': '{ "x" :\t[ 1 ,\r\n { } , [ ] ] }',
  'escapes that need not be': '{"x":"\\/\\u0041\\u00e9\\ud83d\\ude00"}',
  'characters beyond ASCII': '{"x":"é 漢 😀 \u2028 \u007f"}',
  'brackets and quotes in strings': '{"x":"]}[{,:\\"\\\\","y":"\\\\"}',
  'a nesting of 500 levels': `{"x":${'['.repeat(496)}${']'.repeat(496)}}`,
  'nothing at all': '{}',
};

const jobText = (params: string, more = '') =>
  `{"namespace":"test","action":"echo","params":${params}${more}}`;

/** The text of the results: parsing it would hide the differences. */
async function resultsText(asyncId: string): Promise<string> {
  await system.ended(asyncId);
  const response = await fetch(`${system.url}/batch?action=results&async=${asyncId}`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  assert.equal(response.status, 200);
  return response.text();
}

async function run(body: string | Uint8Array): Promise<string> {
  const answer = await system.rpc('run', body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.asyncId;
}

describe('params are returned as they were sent', () => {
  test('params are returned unchanged in one batch, each beside the response of the action', async () => {
    const texts = Object.values(PARAMS);
    const asyncId = await run(`{"jobs":[${texts.map((text) => jobText(text)).join(' ,\n ')}]}`);
    const results = await resultsText(asyncId);
    for (const [index, text] of texts.entries()) {
      const answered = JSON.stringify(JSON.parse(text));
      const expected =
        `{"index":${index},"namespace":"test","action":"echo",` +
        `"request":${text},"response":${answered},"status":"succeeded","attempts":1,`;
      assert.ok(results.includes(expected), `${Object.keys(PARAMS)[index]}: ${results}`);
    }
  });

  for (const [what, text] of Object.entries(PARAMS))
    test(`params of a single action are returned unchanged: ${what}`, async () => {
      const response = await fetch(`${system.url}/api/1.0/test?action=echo`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
        body: text,
      });
      assert.equal(response.status, 200);
      assert.equal(await response.text(), JSON.stringify(JSON.parse(text)));
    });

  test('ids with any content are returned unchanged', async () => {
    const ids = ['"\\u0000"', '"\\ud800"', '"é"', '"__proto__"', '17', '9007199254740991'];
    const asyncId = await run(`{"jobs":[${ids.map((id) => jobText('{}', `,"id":${id}`)).join()}]}`);
    const results = await resultsText(asyncId);
    for (const [index, id] of ids.entries())
      assert.ok(results.includes(`{"index":${index},"id":${id},"namespace"`), results);
  });

  test('of a repeated name the last value counts, in the run and in the shown request', async () => {
    const twice = `{"namespace":"nobody","params":7,${jobText('{"x":1}').slice(1)}`;
    const results = await resultsText(await run(`{"jobs":[${twice}]}`));
    assert.ok(results.includes('"namespace":"test","action":"echo","request":{"x":1},"response":{"x":1}'));
  });

  test('jobs that skipInvalid let pass are returned unchanged', async () => {
    const refused = [
      'null',
      '"\\u0000"',
      '7',
      '[1e400]',
      '{"namespace":"\\u0000","action":"a","params":{"x":1.0}}',
    ];
    const asyncId = await run(`{"jobs":[${refused.join()}],"options":{"skipInvalid":true}}`);
    const results = await resultsText(asyncId);
    for (const [index, text] of refused.slice(0, 4).entries())
      assert.ok(
        results.includes(`{"index":${index},"namespace":null,"action":null,"request":${text},`),
        results,
      );
    assert.ok(results.includes('"index":4,"namespace":"\\u0000","action":"a","request":{"x":1.0},'), results);
  });

  test('an error message with unusual characters is returned unchanged', async () => {
    const params = '{"message":"\\u0000 \\ud800 é"}';
    const asyncId = await run(`{"jobs":[{"namespace":"rpc","action":"refuse","params":${params}}]}`);
    const results = await resultsText(asyncId);
    assert.ok(results.includes('"response":{"errorCode":461,"message":"\\u0000 \\ud800 é"}'), results);
  });
});

describe('A body', () => {
  const text = `{"jobs":[${jobText('{"x":"é"}')}]}`;

  test('every body may begin with a byte order mark, compressed or not', async () => {
    for (const encoding of ['identity', 'gzip']) {
      const send = (path: string, body: string) => {
        const bytes = Buffer.from(`\ufeff${body}`);
        return system.request(path, {
          method: 'POST',
          headers: { 'content-encoding': encoding },
          body: encoding === 'gzip' ? gzipSync(bytes) : bytes,
        });
      };
      const started = await send('/batch?action=run', text);
      assert.equal(started.status, 200);
      const async = started.body.asyncId;
      assert.equal((await send('/batch?action=progress', JSON.stringify({ async }))).status, 200);
      assert.deepEqual((await send('/api/1.0/test?action=echo', '{"x":1}')).body, { x: 1 });
      assert.equal((await send('/batch?action=run', '')).status, 400);
    }
  });

  const raw = (latin1: string) => Buffer.from(latin1, 'latin1');
  const INVALID: Record<string, string> = {
    'a byte of no character': '\xff',
    'a character cut off': '\xc3',
    'a character of too many bytes': '\xc0\xaf',
    'half a surrogate pair in bytes': '\xed\xa0\x80',
    'a character beyond the last': '\xf4\x90\x80\x80',
  };
  for (const [what, bytes] of Object.entries(INVALID))
    test(`a body with ${what} is 400 at every place, and nothing is stored`, async () => {
      const before = await storedRows(system.pool);
      const bodies = [
        `{"jobs":[${jobText(`{"x":"${bytes}"}`)}]}`,
        `{"jobs":[${jobText(`{"${bytes}":1}`)}]}`,
        `{"jobs":[${jobText('{}')},"${bytes}"],"options":{"skipInvalid":true}}`,
        `{"jobs":[${jobText('{}')}],"callbackUrl":"http://127.0.0.1/${bytes}"}`,
        `{"jobs":[${jobText('{}')}],"unknown":"${bytes}"}`,
        `{"jobs":[${jobText(`{"x":"${bytes}${'x'.repeat(300 * 1024)}"}`)}]}`,
      ];
      for (const body of bodies) {
        const answer = await system.rpc('run', raw(body));
        assert.equal(answer.status, 400, body.slice(0, 200));
        assert.equal(answer.body.specificCode, 24092);
      }
      const alone = await system.request('/api/1.0/test?action=echo', {
        method: 'POST',
        body: raw(`{"x":"${bytes}"}`),
      });
      assert.equal(alone.status, 400);
      assert.deepEqual(await storedRows(system.pool), before);
    });

  test('a body in UTF-16 is 400', async () => {
    assert.equal((await system.rpc('run', Buffer.from(`\ufeff${text}`, 'utf16le'))).status, 400);
  });
});

describe('jobs above 256 KiB, which are checked in a thread', () => {
  const padding = 'é'.repeat(200 * 1024);
  const strict = (params: object) => ({ namespace: 'rpc', action: 'strict', params: { padding, ...params } });

  test('a large job runs like any other, beside others and several at once', async () => {
    const ids = [1, 2, 3, 4, 5];
    const asyncIds = await Promise.all(
      ids.map((id) => system.run([strict({ id, name: 'a' }), { ...strict({ id, name: 'b' }), id: 'b' }])),
    );
    for (const [position, asyncId] of asyncIds.entries()) {
      await system.ended(asyncId);
      const results = await system.results(asyncId);
      assert.deepEqual(
        results.map(({ response }) => response),
        ['a', 'b'].map((name) => ({ id: ids[position], name })),
      );
      assert.equal(results[0].request.padding, padding);
      assert.equal(results[1].id, 'b');
    }
  });

  test('a large job is refused with its errors named', async () => {
    const small = { namespace: 'test', action: 'echo', params: {}, id: 'a' };
    const cases: [unknown, string][] = [
      [strict({ id: 'x', name: 'a' }), '.params.id must be integer'],
      [strict({ id: 1 }), '.params.name is required'],
      [{ ...strict({}), action: 'nothing' }, ': there is no action rpc.nothing'],
      [[padding], ' must be an object'],
      [{ ...strict({ id: 1, name: 'a' }), id: 'a' }, '.id "a" is a duplicate'],
    ];
    for (const [job, message] of cases) {
      const { status, body } = await system.rpc('run', { jobs: [small, job] });
      assert.equal(status, 400);
      assert.deepEqual(body.additionalMessages, [`jobs[1]${message}`]);
    }
    const { status, body } = await system.rpc('run', `{"jobs":[${jobText(`{"x":"${padding}" 7}`)}]}`);
    assert.equal(status, 400);
    assert.match(body.additionalMessages[0], /^jobs\[0\] is not valid JSON/);
  });

  test('a large job called as a single action answers, or is refused, like any other', async () => {
    const call = (params: object) =>
      system.request('/api/1.0/rpc?action=strict', {
        method: 'POST',
        body: JSON.stringify({ padding, ...params }),
      });
    assert.deepEqual((await call({ id: 1, name: 'a' })).body, { id: 1, name: 'a' });
    assert.equal((await call({ id: 'x', name: 'a' })).body.specificCode, 23016);
  });
});

describe('members of more than 256 KiB beside the jobs', () => {
  const large = 'é'.repeat(200 * 1024);
  const jobs = [{ namespace: 'test', action: 'echo', params: {} }];

  test('an unknown large member is refused like a small one', async () => {
    const { status, body } = await system.rpc('run', { comment: [large], jobs });
    assert.equal(status, 400);
    assert.equal(body.specificCode, 24092);
    assert.match(body.message, /^comment is not known/);
  });

  test('a large member is not a valid callbackUrl or options', async () => {
    for (const member of [{ callbackUrl: `http://127.0.0.1/${large}` }, { options: { [large]: true } }]) {
      const { status, body } = await system.rpc('run', { ...member, jobs });
      assert.equal(status, 400);
      const [name] = Object.keys(member);
      assert.deepEqual(body, { errorCode: 400, message: `${name} is too large`, specificCode: 24092 });
    }
  });
});
