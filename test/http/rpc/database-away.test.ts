/** The database goes away and comes back; the API stays. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SERVER_VARIABLE, withClient } from '../../support/server.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { storedRows } from '../stored-rows.ts';
import { lockChunks } from '../v1/support.ts';

const system = await startSystem({ after }, { worker: false });
const database = new URL(system.databaseUrl).pathname.slice(1);

/** Runs statements in the server's default database, because the system's own may be away. */
const onServer = (statement: string) =>
  withClient(process.env[SERVER_VARIABLE] ?? '', (client) => client.query(statement));
const cutConnections = (which = 'true') =>
  onServer(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and ${which}`,
  );

const echo = { namespace: 'test', action: 'echo', params: {} };
const many = JSON.stringify({ jobs: Array.from({ length: 2500 }, () => echo) });
const run = (body: unknown = { jobs: [echo] }, headers = {}) => system.rpc('run', body, headers);

function assertNotSaved({ status, headers, body }: Pick<Answer, 'status' | 'body'> & { headers: Headers }) {
  assert.equal(status, 503, JSON.stringify(body));
  assert.deepEqual(body, { errorCode: 503, message: 'The information was not saved', specificCode: 24091 });
  assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
}

describe('while the database is away', () => {
  let key: Record<string, string>;
  let asyncId: string;
  let rows: Record<string, number>;
  before(async () => {
    const made = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'stored', permissions: ['*'] }),
    });
    key = { authorization: `Bearer ${made.body.key}` };
    asyncId = await system.run([echo]);
    rows = await storedRows(system.pool);
    await onServer(`alter database ${database} allow_connections false`);
    await cutConnections();
  });

  test('run is 503 with 24091, for small and large batches, with options or an Idempotency-Key', async () => {
    assertNotSaved(await run());
    assertNotSaved(await run(many));
    assertNotSaved(await run({ jobs: [7], options: { skipInvalid: true } }));
    assertNotSaved(await run(undefined, { 'idempotency-key': 'away' }));
  });

  test('a call of a single action is 503 with 24091', async () => {
    assertNotSaved(await system.request('/api/1.0/test?action=echo', { method: 'POST', body: '{}' }));
  });

  test('run is 503 with 24091 too when its key must be looked up', async () => {
    assertNotSaved(await run(undefined, key));
  });

  test('errors of a request are still reported', async () => {
    const { status, body } = await run({ jobs: [{ ...echo, action: 'nothing' }] });
    assert.equal(status, 400);
    assert.equal(body.specificCode, 24092);
    assert.deepEqual((await system.rpc('validate', { jobs: [echo] })).body, { valid: true });
  });

  test('all other calls are 503 and may be repeated', async () => {
    for (const action of ['progress', 'results', 'cancel', 'pause', 'resume', 'restart', 'repost']) {
      const { status, headers, body } = await system.rpc(action, { async: asyncId });
      assert.equal(status, 503, action);
      assert.equal(body.errorCode, 503);
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    }
    const keys = await system.request('/v1/keys');
    assert.equal(keys.status, 503);
    assert.equal(keys.headers.get('content-type')?.split(';')[0], 'application/problem+json');
  });

  test('healthz is 200 and readyz is 503', async () => {
    assert.equal((await system.request('/healthz')).status, 200);
    assert.equal((await system.request('/readyz')).status, 503);
  });

  test('nothing is stored, and everything works when the database is back', async () => {
    await onServer(`alter database ${database} allow_connections true`);
    assert.deepEqual(await storedRows(system.pool), rows);
    assert.equal((await run()).status, 200);
    assert.equal((await run(many)).status, 200);
    assert.equal((await run(undefined, key)).status, 200);
    assert.equal((await system.rpc('progress', { async: asyncId })).status, 200);
    await waitFor(async () => (await system.request('/readyz')).status === 200, {
      what: 'the API to be ready',
    });
  });
});

test('a request whose connection is cut while it is stored is 503 with 24091, and nothing is stored', async () => {
  const rows = await storedRows(system.pool);
  const lock = await lockChunks(system.pool);
  const { request, answer } = openPost(`${system.url}/batch?action=run`);
  request.write(many.slice(0, -100));
  await lock.isWaitedFor();
  await cutConnections(`application_name = 'batchwright ingest' and xact_start is not null`);
  await lock.release();
  request.end(many.slice(-100));
  const { headers, ...rest } = await answer;
  assertNotSaved({ ...rest, headers: new Headers({ 'retry-after': headers['retry-after'] ?? '' }) });
  assert.deepEqual(await storedRows(system.pool), rows);
  assert.equal((await run(many)).status, 200);
});

test('a disk that becomes full while a request is stored is 503 with 24091, and nothing is stored', async (t) => {
  const rows = await storedRows(system.pool);
  // The third chunk is one too many; by then the client has sent far more than fits into its socket.
  await system.pool.query(`
    create function fill_up() returns trigger language plpgsql as $$
      begin
        if new.number = 2 then raise exception 'no space left on device' using errcode = '53100'; end if;
        return new;
      end $$;
    create trigger fill_up before insert on batchwright.chunk for each row execute function fill_up()`);
  t.after(() => system.pool.query('drop function if exists fill_up cascade'));
  const padding = 'x'.repeat(1000);
  const large = JSON.stringify({
    jobs: Array.from({ length: 20_000 }, () => ({ ...echo, params: { padding } })),
  });
  // More often than there are connections to write with: each must have been returned.
  for (let times = 0; times < 6; times++) assertNotSaved(await run(large));
  await system.pool.query('drop function fill_up cascade');
  assert.deepEqual(await storedRows(system.pool), rows);
  assert.equal((await run(large)).status, 200);
});
