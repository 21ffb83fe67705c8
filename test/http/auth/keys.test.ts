/** `/v1/keys` and `/v1/callback-secret`: who may make, see and revoke keys, and what these are worth. */
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
  const { specificCode } = body;
  assert.equal(body.type, specificCode ? `urn:batchwright:error:${specificCode}` : 'about:blank');
  assert.equal(typeof body.title, 'string');
  assert.equal(typeof body.detail, 'string');
}

describe('A key that is made', () => {
  test('is told once, with what it is for', async () => {
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
    assert.deepEqual(rest, { ...wanted, createdBy: 'admin', signing: null });
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);

    const listed = await list(ADMIN_KEY);
    assert.equal(listed.status, 200);
    const found = listed.body.data.find((row: { id: string }) => row.id === id);
    assert.deepEqual(found, { id, createdAt, ...rest });
    assert.ok(!JSON.stringify(listed.body).includes(key));
  });

  test('is stored as a hash, and nowhere as itself', async () => {
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

  test('is the maker\u2019s tenant\u2019s unless the admin key names another, which exists from then on', async () => {
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

  test('needs no action that exists', async () => {
    const { key } = await keyOf(['invoices.send', 'participants.store-multiple', 'nobody.*']);
    assert.equal((await run([echo], key)).status, 403);
  });

  test('is refused with a problem when its request is wrong, and every fault is told', async () => {
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

describe('The error for a key that cannot be made', () => {
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
    [{ expiresAt: 4_102_444_800 }, /^expiresAt must be a time as in RFC 3339, such as /],
    [{ signing: 'AWS' }, 'signing must be "IWS" or null'],
    [{ expires: null }, 'expires is not known: did you mean expiresAt?'],
  ] as const)
    test(`says once what is right in place of ${JSON.stringify(wrong)}`, async () => {
      const { body } = await create({ name: 'messages', permissions: ['test.echo'], ...wrong });
      assert.equal(body.errors.length, 1, JSON.stringify(body.errors));
      if (typeof error === 'string') assert.equal(body.errors[0], error);
      else assert.match(body.errors[0], error);
    });
});

describe('Nobody makes a key that may do more than its maker', () => {
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
    test(`one with ${own} cannot give ${wanted}`, async () => {
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
    test(`one with ${own} can give ${wanted}`, async () => {
      const { key } = await keyOf([...own]);
      assert.equal((await create({ name: 'less', permissions: wanted }, key)).status, 201);
    });

  test('and without admin nobody makes, sees or revokes any', async () => {
    const { id, key } = await keyOf(['*']);
    assertProblem(await create({ name: 'a', permissions: ['test.echo'] }, key), 403);
    assertProblem(await list(key), 403);
    assertProblem(await revoke(id, key), 403);
  });
});

describe('A key ends with its maker at the latest', () => {
  const DAY_MS = 86_400_000;
  const fromNow = (ms: number) => new Date(Date.now() + ms).toISOString();
  async function maker(expiresAt: string): Promise<{ id: string; key: string }> {
    const { status, body } = await create({ name: 'maker', permissions: ['admin', '*'], expiresAt });
    assert.equal(status, 201);
    return body;
  }

  test('when its request names no end, and is told which it got', async () => {
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

  test('or earlier, as it names', async () => {
    const { key } = await maker(fromNow(DAY_MS));
    for (const expiresAt of [fromNow(DAY_MS / 2), fromNow(60_000)]) {
      const { status, body } = await create({ name: 'child', permissions: ['admin'], expiresAt }, key);
      assert.deepEqual([status, body.expiresAt], [201, expiresAt]);
    }
  });

  test('and a later end is refused, naming the maker\u2019s', async () => {
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

  test('unless its maker does not end', async () => {
    const { key } = await keyOf(['admin']);
    const { body } = await create({ name: 'child', permissions: ['admin'] }, key);
    assert.equal(body.expiresAt, null);
  });

  test('and an end that has passed is refused, whoever asks', async () => {
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

  test('and one that ended while its request was on its way makes none', async () => {
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
    test(`of ${permissions} covers every action of a batch, or the batch is refused`, async () => {
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

  test('that lacks is named, each once', async () => {
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
  test('finds no batch of another\u2019s, whatever it calls', async () => {
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

  test('sees and revokes its own keys, and the admin key everybody\u2019s', async () => {
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

  test('has a callback secret of its own, which stays the same and any of its keys may read', async () => {
    const one = await keyOf(['test.echo'], 'secret-one');
    const sibling = await keyOf(['admin'], 'secret-one');
    const other = await keyOf(['*'], 'secret-other');
    const secrets: string[] = [];
    for (const key of [one.key, sibling.key, other.key, ADMIN_KEY]) {
      const { status, body } = await system.request('/v1/callback-secret', { headers: as(key) });
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body), ['secret']);
      assert.match(body.secret, /^whsec_[A-Za-z0-9+/]{32,}=*$/);
      secrets.push(body.secret);
    }
    assert.equal(secrets[0], secrets[1]);
    assert.equal(new Set(secrets).size, 3);
  });
});

describe('A key ends', () => {
  const isRefused = async (key: string) => (await system.rpc('progress', {}, as(key))).status === 401;

  test('within 5 s of being revoked, be it in use or not, by another process too', async () => {
    const { id, key } = await keyOf(['test.echo']);
    assert.equal((await run([echo], key)).status, 200);
    assert.equal((await revoke(id)).status, 204);
    assert.ok(await isRefused(key));
    assertProblem(await revoke(id), 404);

    const elsewhere = await keyOf(['test.echo']);
    assert.equal((await run([echo], elsewhere.key)).status, 200);
    // As another API process does it: this one is not told.
    await system.pool.query('delete from batchwright.api_key where id = $1', [elsewhere.id]);
    await waitFor(() => isRefused(elsewhere.key), { what: 'the key to be refused', timeoutMs: 5000 });
  });

  test('when it expires, be it in use or not', async () => {
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const { body } = await create({ name: 'short', permissions: ['test.echo'], expiresAt });
    assert.equal((await run([echo], body.key)).status, 200);
    // Sooner than a key is looked up again.
    await waitFor(() => isRefused(body.key), { what: 'the key to expire', timeoutMs: 2800 });
  });

  test('and nothing ends by an id that is none', async () => {
    for (const id of ['nobody', '%00', '%27%3B--', '0'.repeat(5000), '..%2Fkeys'])
      assertProblem(await revoke(id), 404);
  });
});

test('a path below /v1 that does not exist is a problem too', async () => {
  assertProblem(await system.request('/v1/nothing'), 404);
  assertProblem(await system.request('/v1/keys', { headers: { authorization: '' } }), 401);
});
