/** Signing keys when SECRET_KEY is missing or has changed. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import pino from 'pino';
import { callbackHeaderCipher } from '../../../src/access/callback-headers.ts';
import { startApi } from '../../../src/app/api.ts';
import { listen } from '../../../src/app/listen.ts';
import type { Json } from '../../support/json.ts';
import { makeSigningKey, type SigningKey, sendSigned } from '../../support/signed.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { storedRows } from '../stored-rows.ts';

const SECRET_KEY = 'the secret key of these tests: 32 +';
const system = await startSystem({ after }, { worker: false, env: { SECRET_KEY } });
const signer = await makeSigningKey(system);

const VALIDATE = {
  path: '/batch?action=validate',
  body: '{"jobs":[{"namespace":"test","action":"echo","params":{}}]}',
};

interface LogLine {
  msg: string;
  /** The ids of keys, or their number. */
  keys?: Json;
  callbackHeaders?: number;
}

/** Another API process on the same database, drained after `use`; returns the lines of its log. */
async function withApi(
  secretKeys: readonly string[] | undefined,
  use: (url: string, lines: () => LogLine[]) => Promise<void>,
): Promise<LogLine[]> {
  const lines: string[] = [];
  const parsed = () => lines.map((line) => JSON.parse(line));
  const stream = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line));
      done();
    },
  });
  const { config, databaseUrl, registry } = system;
  const listening = await listen(config);
  const log = pino({ level: 'info' }, stream);
  const api = await startApi({
    config,
    databaseUrl,
    log,
    registry,
    adminKey: ADMIN_KEY,
    secretKeys,
    listening,
  });
  try {
    await use(listening.url, parsed);
  } finally {
    await api.drain();
  }
  return parsed();
}

const createAt = (url: string, wanted: object) =>
  fetch(`${url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    body: JSON.stringify({ name: 'a', permissions: ['test.*'], ...wanted }),
  });

test('a signing key is shown with its secret once, listed without it, and stored encrypted', async () => {
  const { key, secret, ...listed } = (await makeSigningKey(system)) as SigningKey & { signing: string };
  assert.equal(listed.signing, 'IWS');
  assert.match(secret, /^[0-9a-f]{48}$/);
  const { body } = await system.request('/v1/keys');
  assert.deepEqual(
    body.data.find(({ id }: { id: string }) => id === listed.id),
    listed,
  );
  const { rows } = await system.pool.query('select k::text as row, * from batchwright.api_key k');
  assert.ok(rows.length > 0);
  for (const row of rows)
    for (const part of [secret, Buffer.from(secret).toString('hex'), key.split('_')[2] as string])
      assert.ok(!row.row.includes(part));
  const stored = new Set(rows.map((row) => String(row.secret)));
  assert.equal(stored.size, rows.length, 'no two alike');
});

test('with another SECRET_KEY, signed requests are answered 503 and the start logs it; all else works', async () => {
  const lines = await withApi(['another secret key than it was: long'], async (url) => {
    for (let count = 0; count < 2; count++) {
      const { status, body } = await sendSigned(url, signer, VALIDATE);
      assert.equal(status, 503);
      assert.deepEqual(body, {
        errorCode: 503,
        message: 'A stored secret cannot be read: SECRET_KEY is not the one that it was stored with',
      });
    }
    const { key } = signer;
    const headers = { authorization: `Bearer ${key}` };
    const sent = await fetch(`${url}${VALIDATE.path}`, { method: 'POST', headers, body: VALIDATE.body });
    assert.equal(sent.status, 200);
    const wrong = await sendSigned(url, { ...signer, key: key.replace(/.$/, 'x') }, VALIDATE);
    assert.equal(wrong.status, 401);

    const made = (await (await createAt(url, { signing: 'IWS' })).json()) as SigningKey;
    assert.equal((await sendSigned(url, made, VALIDATE)).status, 200);
    assert.equal((await sendSigned(system.url, made, VALIDATE)).status, 503);
    assert.equal((await system.request(`/v1/keys/${made.id}`, { method: 'DELETE' })).status, 204);
  });
  const warnings = lines.filter(({ msg }) => msg.startsWith('SECRET_KEY '));
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0]?.keys?.includes(signer.id));
});

test('without SECRET_KEY no signing keys are created, signed requests are answered 503, and other keys work', async () => {
  const lines = await withApi(undefined, async (url) => {
    const rows = await storedRows(system.pool);
    const refused = await createAt(url, { signing: 'IWS', tenant: 'new' });
    assert.equal(refused.status, 501);
    assert.deepEqual(await refused.json(), {
      type: '/docs/errors/not-configured',
      title: 'Not Implemented', // the phrase of status 501 (RFC 9110, 15.6.2)
      status: 501,
      detail: 'SECRET_KEY is not set: set it to 32 characters or more, the same for every API process',
    });
    assert.deepEqual(await storedRows(system.pool), rows);

    const { status, body } = await sendSigned(url, signer, VALIDATE);
    assert.equal(status, 503);
    assert.equal(body.message, 'A stored secret cannot be read: SECRET_KEY is not set');
    for (const wanted of [{}, { signing: null }]) {
      const made = await createAt(url, wanted);
      assert.equal(made.status, 201);
      assert.ok(!('secret' in ((await made.json()) as object)));
    }
  });
  assert.equal(lines.filter(({ msg }) => msg.startsWith('SECRET_KEY ')).length, 1);
});

test('with the original SECRET_KEY another process accepts signed requests and its start logs nothing', async () => {
  const lines = await withApi([SECRET_KEY], async (url) => {
    assert.equal((await sendSigned(url, signer, VALIDATE)).status, 200);
  });
  const secretLines = lines.filter(({ msg }) => /SECRET_KEY|secret/.test(msg));
  assert.deepEqual(secretLines, []);
});

test('with a new SECRET_KEY before the old one, everything is encrypted anew, and the start says so', async () => {
  const { pool } = system;
  const next = 'the next secret key of these tests: longer';
  const headers = { authorization: 'Bearer of the receiver' };
  const old = callbackHeaderCipher([SECRET_KEY]);
  // More than are encrypted at once.
  await pool.query(
    `insert into batchwright.batch (id, expires_at, total, tenant, key_id, callback_headers, state)
     select batchwright.new_batch_id(), now() + interval '1 day', 1, 'acme', 'k', $1, 'completed'
     from generate_series(1, 250)`,
    [old.encrypt(headers, 'acme')],
  );
  await pool.query(
    `insert into batchwright.batch (id, expires_at, total, tenant, key_id, callback_headers, state)
     values (batchwright.new_batch_id(), now() + interval '1 day', 1, 'acme', 'k', 'unreadable', 'completed')`,
  );
  const signing = await pool.query('select from batchwright.api_key where secret is not null');
  const lines = await withApi([next, SECRET_KEY], async (url, logged) => {
    assert.equal((await sendSigned(url, signer, VALIDATE)).status, 200);
    await waitFor(async () => logged().some(({ msg }) => /needs the second key/.test(msg)), {
      what: 'the end of the encryption',
    });
    assert.equal((await sendSigned(url, signer, VALIDATE)).status, 200);
  });
  const ends = lines.filter(({ msg }) => /needs the second key|neither key/.test(msg));
  assert.deepEqual(
    ends.map(({ keys, callbackHeaders }) => [keys, callbackHeaders]),
    [
      [0, 1],
      [signing.rowCount, 250],
    ],
  );
  const { rows } = await pool.query<{ bytes: Buffer }>(
    `select callback_headers as bytes from batchwright.batch
     where tenant = 'acme' and callback_headers <> 'unreadable'`,
  );
  assert.equal(rows.length, 250);
  for (const { bytes } of rows)
    assert.deepEqual(callbackHeaderCipher([next]).decrypt(bytes, 'acme'), headers);

  const alone = await withApi([next], async (url) => {
    assert.equal((await sendSigned(url, signer, VALIDATE)).status, 200, 'the old key can be removed');
  });
  assert.deepEqual(
    alone.filter(({ msg }) => msg.startsWith('SECRET_KEY ')),
    [],
  );
});
