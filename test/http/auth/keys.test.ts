/** `/v1/keys` and `/v1/callback-secret`: who may create, see and revoke keys, and what the keys permit. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { ADMIN_KEY, type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const system = await startSystem({ after }, { worker: false });

const echo = { namespace: 'test', action: 'echo', params: {} };
const behave = { namespace: 'test', action: 'behave', params: {} };
const special = { namespace: 'rpc', action: 'special', params: {} };
const strict = { namespace: 'rpc', action: 'strict', params: { id: 1, name: 'one' } };

const as = (key: string) => ({ authorization: `Bearer ${key}` });
const create = (body: unknown, key = ADMIN_KEY): Promise<Answer> =>
  system.request('/v1/keys', { method: 'POST', headers: as(key), body: JSON.stringify(body) });
const list = (key: string) => system.request('/v1/keys', { headers: as(key) });
const revoke = (id: string, key = ADMIN_KEY) =>
  system.request(`/v1/keys/${id}`, { method: 'DELETE', headers: as(key) });
const run = (jobs: unknown[], key: string) => system.rpc('run', { jobs }, as(key));

async function keyOf(permissions: string[], tenant?: string): Promise<{ id: string; key: string }> {
  const { status, body } = await create({ name: 'a key', permissions, ...(tenant ? { tenant } : {}) });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

function assertProblem({ status, headers, body }: Answer, expected: number): void {
  assert.equal(status, expected, JSON.stringify(body));
  assert.equal(headers.get('content-type')?.split(';')[0], 'application/problem+json');
  assert.equal(body.status, expected);
  assert.match(body.type, /^\/docs\/errors\/[a-z-]+$/);
  assert.equal(typeof body.title, 'string');
  assert.equal(typeof body.detail, 'string');
}

describe('new keys', () => {
  test('a new key is shown once, with its properties', async () => {
    const wanted = {
      name: 'Imports',
      tenant: 'acme',
      permissions: ['participants.*', 'test.echo'],
      expiresAt: '2100-01-01T00:00:00.000Z',
    };
    const { status, headers, body } = await create(wanted);
    assert.equal(status, 201);
    const { id, key, createdAt, ...rest } = body;
    assert.match(key, /^bw_/);
    assert.equal(headers.get('location'), `/v1/keys/${id}`);
    assert.deepEqual(rest, { ...wanted, createdBy: 'admin', signing: null, lastUsedAt: null });
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);

    const listed = await list(ADMIN_KEY);
    assert.equal(listed.status, 200);
    const found = listed.body.data.find((row: { id: string }) => row.id === id);
    assert.deepEqual(found, { id, createdAt, ...rest });
    assert.ok(!JSON.stringify(listed.body).includes(key));
  });

  test('a new key is stored only as a hash', async () => {
    const { id, key } = await keyOf(['test.echo']);
    const secret = key.split('_').at(-1) as string;
    const { rows } = await system.pool.query('select * from batchwright.api_key where id = $1', [id]);
    assert.deepEqual(rows[0].digest, createHash('sha256').update(secret).digest());
    const { rows: dump } = await system.pool.query('select api_key::text as row from batchwright.api_key');
    for (const { row } of dump) {
      assert.ok(!row.includes(secret));
      assert.ok(!row.includes(Buffer.from(secret).toString('hex')));
    }
  });

  test('a new key belongs to its maker’s tenant unless the admin key names another, which exists from then on', async () => {
    const mine = await create({ name: 'mine', permissions: ['test.echo'] });
    assert.equal(mine.body.tenant, 'default');
    assert.equal(mine.body.expiresAt, null);
    const theirs = await keyOf(['*', 'admin'], 'initech');
    const made = await create({ name: 'made by it', permissions: ['test.echo'] }, theirs.key);
    assert.equal(made.body.tenant, 'initech');
    assert.equal(made.body.createdBy, theirs.id);
    const same = await create({ name: 'named', tenant: 'initech', permissions: ['*'] }, theirs.key);
    assert.equal(same.status, 201);
    assertProblem(
      await create({ name: 'x', tenant: 'default', permissions: ['test.echo'] }, theirs.key),
      403,
    );
    assertProblem(await create({ name: 'x', tenant: 'nobody', permissions: ['test.echo'] }, theirs.key), 403);
  });

  test('a new key may name actions that do not exist', async () => {
    const { key } = await keyOf(['invoices.send', 'participants.store-multiple', 'nobody.*']);
    assert.equal((await run([echo], key)).status, 403);
  });

  test('a wrong request for a key is refused with a problem that lists every error', async () => {
    const good = { name: 'a', permissions: ['test.echo'] };
    for (const body of [
      {},
      { ...good, name: undefined },
      { ...good, name: '' },
      { ...good, name: 7 },
      { ...good, name: 'a\u0000b' },
      { ...good, name: 'x'.repeat(201) },
      { ...good, permissions: undefined },
      { ...good, permissions: [] },
      { ...good, permissions: 'test.echo' },
      { ...good, permissions: ['test'] },
      { ...good, permissions: ['*.echo'] },
      { ...good, permissions: ['test.*.x'] },
      { ...good, permissions: ['test.e*'] },
      { ...good, permissions: [''] },
      { ...good, permissions: ['Admin '] },
      { ...good, tenant: '' },
      { ...good, tenant: 'a/b' },
      { ...good, tenant: '\u0000' },
      { ...good, expiresAt: 'tomorrow' },
      { ...good, expiresAt: '2100-02-30T00:00:00Z' },
      { ...good, expiresAt: '2100-12-31T23:59:60Z' },
      { ...good, expiresAt: 4_102_444_800 },
      { ...good, unknown: 1 },
      { ...good, signing: 'iws' },
      { ...good, signing: 'AWS' },
      { ...good, signing: '' },
      { ...good, signing: true },
    ]) {
      const answer = await create(body);
      assertProblem(answer, 400);
      assert.ok(Array.isArray(answer.body.errors), JSON.stringify(answer.body));
    }
    const both = await create({ name: 7, permissions: [] });
    assert.equal(both.body.errors.length, 2);
    for (const body of ['x', '[]', '"a"']) {
      const answer = await system.request('/v1/keys', { method: 'POST', body });
      assertProblem(answer, 400);
    }
  });
});

describe('errors of requests for keys', () => {
  const permission =
    'must be a permission such as "participants.storeMultiple", "participants.*", "*" or "admin"';
  for (const [wrong, error] of [
    [{ name: '' }, 'name must be a text of 1 to 200 characters'],
    [{ name: '\ud800' }, 'name must not contain U+0000 or half of a surrogate pair'],
    [{ tenant: 'a/b' }, /^tenant must be 1 to 63 letters, digits, dots, /],
    [{ permissions: undefined }, 'permissions is required'],
    [{ permissions: [] }, /^permissions must be 1 to 1,000 different permissions, /],
    [{ permissions: ['test.echo', 'test'] }, `permissions[1] ${permission}`],
    [{ expiresAt: 'tomorrow' }, /^expiresAt must be a time as in RFC 3339, such as /],
    [{ expiresAt: '2100-12-31T23:59:60Z' }, /^expiresAt must be a time as in RFC 3339, such as /],
    [{ expiresAt: '2100-02-29T12:00:00Z' }, /^expiresAt must be a time as in RFC 3339, such as /],
    [{ expiresAt: 4_102_444_800 }, /^expiresAt must be a time as in RFC 3339, such as /],
    [{ signing: 'AWS' }, 'signing must be "IWS" or null'],
    [{ expires: null }, 'expires is not known: did you mean expiresAt?'],
  ] as const)
    test(`the error for ${JSON.stringify(wrong)} names the allowed values once`, async () => {
      const { body } = await create({ name: 'messages', permissions: ['test.echo'], ...wrong });
      assert.equal(body.errors.length, 1, JSON.stringify(body.errors));
      if (typeof error === 'string') assert.equal(body.errors[0], error);
      else assert.match(body.errors[0], error);
    });
});

describe('the permissions of new keys', () => {
  for (const [own, wanted] of [
    [['admin'], ['*']],
    [['admin'], ['test.echo']],
    [['admin', 'test.*'], ['*']],
    [['admin', 'test.*'], ['rpc.strict']],
    [['admin', 'test.*'], ['testing.echo']],
    [['admin', 'test.echo'], ['test.*']],
    [
      ['admin', 'test.echo'],
      ['test.echo', 'test.behave'],
    ],
  ] as const)
    test(`a key with ${own} cannot give ${wanted}`, async () => {
      const { key } = await keyOf([...own]);
      const answer = await create({ name: 'more', permissions: wanted }, key);
      assertProblem(answer, 403);
    });

  for (const [own, wanted] of [
    [['admin'], ['admin']],
    [
      ['admin', '*'],
      ['*', 'admin', 'test.*', 'test.echo'],
    ],
    [
      ['admin', 'test.*'],
      ['test.*', 'test.echo'],
    ],
    [['admin', 'test.echo'], ['test.echo']],
  ] as const)
    test(`a key with ${own} can give ${wanted}`, async () => {
      const { key } = await keyOf([...own]);
      assert.equal((await create({ name: 'less', permissions: wanted }, key)).status, 201);
    });

  test('a key without admin cannot create, see or revoke keys', async () => {
    const { id, key } = await keyOf(['*']);
    assertProblem(await create({ name: 'a', permissions: ['test.echo'] }, key), 403);
    assertProblem(await list(key), 403);
    assertProblem(await revoke(id, key), 403);
  });
});

describe('the end of new keys', () => {
  const DAY_MS = 86_400_000;
  const fromNow = (ms: number) => new Date(Date.now() + ms).toISOString();
  async function maker(expiresAt: string): Promise<{ id: string; key: string }> {
    const { status, body } = await create({ name: 'maker', permissions: ['admin', '*'], expiresAt });
    assert.equal(status, 201);
    return body;
  }

  test('a key without an end in its request ends with its maker, and the answer shows when', async () => {
    const expiresAt = fromNow(DAY_MS);
    const { key } = await maker(expiresAt);
    for (const end of [{}, { expiresAt: null }]) {
      const { status, body } = await create({ name: 'child', permissions: ['admin'], ...end }, key);
      assert.equal(status, 201);
      assert.equal(body.expiresAt, expiresAt);
      const grandchild = await create({ name: 'grandchild', permissions: ['admin'] }, body.key);
      assert.equal(grandchild.body.expiresAt, expiresAt);
    }
    const signing = await create({ name: 'in a list', permissions: ['test.echo'] }, key);
    const { body: keys } = await list(key);
    const listed = keys.data.find(({ id }: { id: string }) => id === signing.body.id);
    assert.equal(listed.expiresAt, expiresAt);
  });

  test('a key may end earlier than its maker', async () => {
    const { key } = await maker(fromNow(DAY_MS));
    for (const expiresAt of [fromNow(DAY_MS / 2), fromNow(60_000)]) {
      const { status, body } = await create({ name: 'child', permissions: ['admin'], expiresAt }, key);
      assert.deepEqual([status, body.expiresAt], [201, expiresAt]);
    }
  });

  test('a key with a later end than its maker is refused, and the error names the end of the maker', async () => {
    const expiresAt = fromNow(DAY_MS);
    const { key } = await maker(expiresAt);
    const later = { name: 'child', permissions: ['admin'], expiresAt: fromNow(2 * DAY_MS) };
    const answer = await create(later, key);
    assertProblem(answer, 403);
    assert.equal(
      answer.body.detail,
      `expiresAt must not be after ${expiresAt}, when the key that asks expires`,
    );
  });

  test('a key whose maker does not expire may have any end', async () => {
    const { key } = await keyOf(['admin']);
    const { body } = await create({ name: 'child', permissions: ['admin'] }, key);
    assert.equal(body.expiresAt, null);
  });

  test('a key with an end in the past is refused for every maker', async () => {
    const { key } = await maker(fromNow(DAY_MS));
    for (const asking of [ADMIN_KEY, key])
      for (const expiresAt of ['2020-01-01T00:00:00Z', fromNow(-1000), '2020-01-01T00:00:00+14:00']) {
        const answer = await create({ name: 'past', permissions: ['admin'], expiresAt }, asking);
        assertProblem(answer, 400);
        assert.deepEqual(answer.body.errors, [
          `expiresAt must be in the future, not ${new Date(expiresAt).toISOString()}`,
        ]);
      }
  });

  test('a maker that expires during the request creates no key', async () => {
    const { id, key } = await maker(fromNow(DAY_MS));
    assert.equal((await list(key)).status, 200, 'so that it is remembered for a while');
    await system.pool.query('delete from batchwright.api_key where id = $1', [id]);
    assertProblem(await create({ name: 'child', permissions: ['admin'] }, key), 401);
  });
});

describe('A permission', () => {
  for (const [permissions, allowed, refused] of [
    [['test.echo'], [[echo]], [[behave], [echo, behave], [strict]]],
    [['test.*'], [[echo], [echo, behave]], [[strict], [echo, strict]]],
    [['*'], [[echo, behave, strict, special]], []],
    [['test.echo', 'rpc.strict'], [[echo, strict]], [[echo, strict, behave]]],
    [['admin'], [], [[echo]]],
    [['Test.Echo'], [], [[echo]]],
    [['rpc.special'], [], [[special]]],
    [['rpc.restricted'], [[special]], [[strict]]],
  ] as const)
    test(`a key with ${permissions} needs a permission for every action of a batch`, async () => {
      const { key } = await keyOf([...permissions]);
      for (const jobs of allowed) assert.equal((await run([...jobs], key)).status, 200);
      for (const jobs of refused)
        for (const action of ['run', 'validate']) {
          const { status, body } = await system.rpc(action, { jobs }, as(key));
          assert.equal(status, 403);
          assert.equal(body.errorCode, 403);
          assert.ok(Array.isArray(body.additionalMessages));
        }
    });

  test('missing permissions are named once each', async () => {
    const { key } = await keyOf(['test.echo']);
    const { body } = await run([behave, echo, special, behave, strict], key);
    assert.deepEqual(body, {
      errorCode: 403,
      message: 'The API key lacks the permission',
      additionalMessages: [
        'the key lacks test.behave',
        'the key lacks rpc.restricted',
        'the key lacks rpc.strict',
      ],
    });
  });
});

describe('A tenant', () => {
  test('a tenant cannot find batches of another by any call', async () => {
    const one = await keyOf(['*', 'admin'], 'one');
    const other = await keyOf(['*', 'admin'], 'another');
    const { body } = await run([echo], one.key);
    const async = body.asyncId;
    assert.equal((await system.rpc('progress', { async }, as(one.key))).status, 200);
    for (const key of [other.key, ADMIN_KEY])
      for (const [action, specificCode] of Object.entries({
        progress: 24105,
        cancel: 24105,
        restart: 24105,
        repost: 24105,
        results: 24115,
      })) {
        const answer = await system.rpc(action, { async }, as(key));
        assert.equal(answer.status, 404, action);
        assert.equal(answer.body.specificCode, specificCode);
      }
    assert.equal((await system.rpc('progress', { async }, as(one.key))).body.state, 'queued');
  });

  test('a tenant sees and revokes its own keys, and the admin key those of all tenants', async () => {
    const one = await keyOf(['admin'], 'umbrella');
    const sibling = await keyOf(['test.echo'], 'umbrella');
    const stranger = await keyOf(['test.echo'], 'wayne');
    const idsOf = (answer: Answer) => answer.body.data.map(({ id }: { id: string }) => id);
    assert.deepEqual(idsOf(await list(one.key)), [one.id, sibling.id]);
    const all = idsOf(await list(ADMIN_KEY));
    for (const { id } of [one, sibling, stranger]) assert.ok(all.includes(id));

    assertProblem(await revoke(stranger.id, one.key), 404);
    assert.equal((await run([echo], stranger.key)).status, 200);
    assert.equal((await revoke(sibling.id, one.key)).status, 204);
    assert.equal((await revoke(stranger.id)).status, 204);
  });

  test('a tenant has its own callback secret, which any of its keys may read', async () => {
    const one = await keyOf(['test.echo'], 'secret-one');
    const sibling = await keyOf(['admin'], 'secret-one');
    const other = await keyOf(['*'], 'secret-other');
    const secrets: string[] = [];
    for (const key of [one.key, sibling.key, other.key, ADMIN_KEY]) {
      const { status, body } = await system.request('/v1/callback-secret', { headers: as(key) });
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body), ['secret', 'previous']);
      assert.match(body.secret, /^whsec_[A-Za-z0-9+/]{32,}=*$/);
      secrets.push(body.secret);
    }
    assert.equal(secrets[0], secrets[1]);
    assert.equal(new Set(secrets).size, 3);
  });
});

describe('ended keys', () => {
  const isRefused = async (key: string) => (await system.rpc('progress', {}, as(key))).status === 401;

  test('a revoked key ends within 5 s, in use or not, also when another process revoked it', async () => {
    const { id, key } = await keyOf(['test.echo']);
    assert.equal((await run([echo], key)).status, 200);
    assert.equal((await revoke(id)).status, 204);
    assert.ok(await isRefused(key));
    assertProblem(await revoke(id), 404);

    const elsewhere = await keyOf(['test.echo']);
    assert.equal((await run([echo], elsewhere.key)).status, 200);
    // As another API process does it: this process is not informed.
    await system.pool.query('delete from batchwright.api_key where id = $1', [elsewhere.id]);
    await waitFor(() => isRefused(elsewhere.key), { what: 'the key to be refused', timeoutMs: 5000 });
  });

  test('an expired key ends, in use or not', async () => {
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const { body } = await create({ name: 'short', permissions: ['test.echo'], expiresAt });
    assert.equal((await run([echo], body.key)).status, 200);
    // Sooner than a key is looked up again.
    await waitFor(() => isRefused(body.key), { what: 'the key to expire', timeoutMs: 2800 });
  });

  test('an unknown id ends no key', async () => {
    for (const id of ['nobody', '%00', '%27%3B--', '0'.repeat(5000), '..%2Fkeys'])
      assertProblem(await revoke(id), 404);
  });
});

test('an unknown path below /v1 is answered with a problem document', async () => {
  assertProblem(await system.request('/v1/nothing'), 404);
  assertProblem(await system.request('/v1/keys', { headers: { authorization: '' } }), 401);
});
