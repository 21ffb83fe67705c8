/** Routes with keys and errors of another API, with the fixture `shaped`. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const system = await startSystem({ after }, { env: { RATE_LIMIT: '1000' } });
const KEY = { authorization: '', 'x-shaped-key': ADMIN_KEY };

const send = (path: string, body?: string | Buffer, headers: Record<string, string> = KEY) =>
  system.request(`/shaped-fixture${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    ...(body === undefined ? {} : { body }),
  });

async function makeKey(permissions: string[]): Promise<{ id: string; key: string; permissions: string[] }> {
  const made = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'shaped', permissions }),
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

describe('Routes that authenticate by API keys in their own way', () => {
  test('a key is found, and its caller is that of the key', async () => {
    const { id, key } = await makeKey(['test.echo']);
    const { body } = await send('/caller', undefined, { 'x-shaped-key': key });
    assert.deepEqual(body, { tenant: 'default', keyId: id, permissions: ['test.echo'] });
  });

  test('a wrong or missing key is 401, in the form of the API', async () => {
    for (const headers of [{ 'x-shaped-key': 'bw_wrong' }, { 'x-shaped-key': '' }, {}]) {
      const { status, body } = await send('/caller', undefined, headers);
      assert.equal(status, 401);
      assert.deepEqual(body, { wrong: { code: 401, message: 'Missing or wrong API key' } });
    }
  });

  test('a key that is revoked is refused by its text and by its id within 5 s', async () => {
    const { id, key } = await makeKey(['test.echo']);
    const byId = { 'x-shaped-id': id };
    assert.equal((await send('/caller', undefined, byId)).status, 200);
    await system.request(`/v1/keys/${id}`, { method: 'DELETE' });
    for (const headers of [byId, { 'x-shaped-key': key }])
      await waitFor(async () => (await send('/caller', undefined, headers)).status === 401, {
        what: 'the end of the key',
        timeoutMs: 5000,
      });
    assert.equal((await send('/caller', undefined, { 'x-shaped-id': 'admin' })).status, 200);
    assert.equal((await send('/caller', undefined, { 'x-shaped-id': 'nobody' })).status, 401);
  });

  test('a key made with an alias of a permission has the permission', async () => {
    const { permissions } = await makeKey(
      ['echo-things', 'shaped.echo.things', 'test.echo', 'test.other'].slice(1),
    );
    assert.deepEqual(permissions, ['test.echo', 'test.other']);
  });
});

describe('The errors below a prefix', () => {
  test('an unknown path and a wrong method are answered in the form of the API', async () => {
    const unknown = await send('/caller/unknown');
    assert.deepEqual(unknown.body, {
      wrong: { code: 404, message: 'There is nothing at /shaped-fixture/caller/unknown' },
    });
    const wrong = await send('/caller', '{}');
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'GET, HEAD');
    assert.equal(wrong.body.wrong.code, 405);
  });

  test('an error of the route has its details', async () => {
    const { status, body } = await send('/refused', '{}');
    assert.equal(status, 422);
    assert.deepEqual(body, { wrong: { code: 422, message: 'not like this', details: { field: 'name' } } });
  });

  test('a longer prefix is served below a shorter one', async () => {
    const { status, body } = await send('/below');
    assert.deepEqual([status, body], [200, 'below']);
  });
});

describe('readJson', () => {
  for (const [body, value] of [
    ['{"name":"Ada"}', { name: 'Ada' }],
    ['[1]', [1]],
    ['\ufeff null ', null],
    ['', {}],
    ['  ', {}],
  ] as const)
    test(`readJson reads ${JSON.stringify(body)}`, async () => {
      const answer = await send('/json', body);
      assert.deepEqual([answer.status, answer.body.body], [200, value]);
    });

  for (const [what, body, status] of [
    ['half of an object', '{"name":', 400],
    ['text after the value', '{} {}', 400],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
    ['501 levels', `${'['.repeat(501)}${']'.repeat(501)}`.slice(0, 1002), 400],
    ['too many bytes', `"${'x'.repeat(1000)}"`, 413],
  ] as const)
    test(`readJson refuses ${what}`, async () => {
      const answer = await send('/json', body);
      assert.equal(answer.status, what === '501 levels' ? 413 : status);
      assert.equal(typeof answer.body.wrong.message, 'string');
    });

  test('readJson refuses a body that is nested deeper than 500', async () => {
    const { status, body } = await send('/array/deep', `{"x":${'['.repeat(500)}${']'.repeat(500)}}`);
    assert.equal(status, 400);
    assert.match(body.wrong.message, /500/);
  });
});

describe('compileSchema', () => {
  test('a problem has the path of the value, its keyword and the rule', async () => {
    const { body } = await send('/json', '{"name":"too long","size":1.5,"siz":1}');
    assert.deepEqual(
      body.problems.map(
        ({ path, keyword, message }: { path: string[]; keyword: string; message: string }) => [
          path.join('.'),
          keyword,
          message,
        ],
      ),
      [
        ['siz', 'additionalProperties', 'is not known'],
        ['name', 'maxLength', 'must NOT have more than 5 characters'],
        ['size', 'type', 'must be integer or null'],
      ],
    );
    const missing = await send('/json', '{}');
    assert.deepEqual(missing.body.problems, [
      { path: ['name'], keyword: 'required', params: { missingProperty: 'name' }, message: 'is required' },
    ]);
    assert.deepEqual((await send('/json', '{"name":"Ada"}')).body.problems, []);
  });
});

describe('readJsonArray', () => {
  test('the elements of the named array are read, and the members before and after it', async () => {
    const { body } = await send(
      '/array/rows',
      '{"a":1,"rows":[{"n":1},[2],"3"],"b":{"c":null},"__proto__":5}',
    );
    assert.deepEqual(body.elements, [{ n: 1 }, [2], '3']);
    assert.deepEqual(Object.entries(body.members), [
      ['a', 1],
      ['b', { c: null }],
      ['__proto__', 5],
    ]);
    assert.equal(body.hasArray, true);
  });

  test('the elements of a top-level array are read', async () => {
    const { body } = await send('/array/top', ' [1, {"two":2}] ');
    assert.deepEqual(body, { elements: [1, { two: 2 }], members: {}, hasArray: true });
    assert.deepEqual((await send('/array/top', '[]')).body, { elements: [], members: {}, hasArray: true });
  });

  test('an element is what `parse` makes of its text', async () => {
    const { body } = await send('/texts', ' [12345678901234567890, {"a": [ ]} ]');
    assert.deepEqual(body, [{ text: '12345678901234567890' }, { text: '{"a": [ ]}' }]);
  });

  test('an array that is missing, or another value, is reported', async () => {
    assert.equal((await send('/array/rows', '{}')).body.hasArray, false);
    const { body } = await send('/array/rows', '{"rows":"none"}');
    assert.deepEqual([body.hasArray, body.members], [false, { rows: 'none' }]);
  });

  for (const [what, members] of [
    ['one member', `"a":"${'x'.repeat(256 * 1024)}"`],
    ['many members', Array.from({ length: 60_000 }, (_, n) => `"${n}":1`).join()],
  ] as const)
    test(`${what} of more than 256 KiB beside the array: 413`, async () => {
      const answer = await send('/array/rows', `{"rows":[],${members}}`);
      assert.deepEqual(
        [answer.status, answer.body.wrong?.message],
        [413, 'The members beside rows have more than 262144 bytes'],
      );
    });

  test('other requests are answered while a route works on the elements of one piece', async () => {
    const slow = send('/slow', JSON.stringify(Array.from({ length: 30 }, () => 20))).then(() => 'slow');
    const other = waitFor(async () => (await send('/slow/started')).body.started, { what: 'its start' });
    assert.equal(await Promise.race([slow, other.then(() => 'other')]), 'other');
    await slow;
  });

  for (const [path, body, message] of [
    ['/array/top', '{"rows":[]}', /the body is not a JSON array/],
    ['/array/top', '', /unexpected end of body/],
    ['/array/top', '[1,]', /expected a value at byte 3/],
    ['/array/top', '[1] 2', /byte 4/],
    ['/array/top', '[{"a":01}]', /^The body is not valid JSON: \[0\]: /],
    ['/array/rows', '{"rows":[1,tru]}', /^The body is not valid JSON: rows\[1\]: /],
    ['/array/rows', '[]', /the body is not a JSON object/],
    ['/array/rows', '{"rows":[1],"rows":[2]}', /duplicate member "rows"/],
  ] as const)
    test(`readJsonArray refuses ${JSON.stringify(body)} at ${path} and names the place`, async () => {
      const answer = await send(path, body);
      assert.equal(answer.status, 400);
      assert.match(answer.body.wrong.message, message);
    });
});
