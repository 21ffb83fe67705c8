import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AUDIT_EVENTS } from '../../../src/contract/audit-events.ts';
import { retain } from '../../../src/pipeline/upkeep/retention.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import type { Json } from '../../support/json.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const echo = { namespace: 'test', action: 'echo', params: { n: 1 } };
const fails = { namespace: 'test', action: 'behave', params: { fatal: 'no' } };

test('the audit says who changed keys, batches and actions, to each tenant its own', async (t) => {
  const system = await startSystem(t);
  const makeKey = async (body: object): Promise<Json> =>
    (await system.request('/v1/keys', { method: 'POST', body: JSON.stringify(body) })).body;
  const acme = await makeKey({ name: 'boss', tenant: 'acme', permissions: ['admin', '*'] });
  const plain = await makeKey({ name: 'plain', tenant: 'acme', permissions: ['*'] });
  const as = (key: Json, init: RequestInit = {}) => ({
    ...init,
    headers: { authorization: `Bearer ${key.key}` },
  });
  const auditOf = async (init: RequestInit = {}, query = ''): Promise<Json> => {
    const { status, body } = await system.request(`/v1/audit${query}`, init);
    assert.equal(status, 200);
    return body;
  };

  const run = await system.rpc('run', { jobs: [fails, echo] }, as(acme).headers);
  const { asyncId } = run.body;
  const waits = { ...echo, action: 'behave', params: { gate: 'closed' } };
  const stopped = (await system.rpc('run', { jobs: [waits] }, as(acme).headers)).body.asyncId;
  await system.request(`/v1/batches/${stopped}/cancel`, as(acme, { method: 'POST' }));
  await system.pool.query("insert into test.gate (name) values ('closed')");
  const ended = () =>
    waitFor(
      async () => (await system.rpc('progress', { async: asyncId }, as(acme).headers)).body.progress === 100,
      { what: 'the end of the batch' },
    );
  await ended();
  await system.request(`/v1/batches/${asyncId}/restart`, as(acme, { method: 'POST' }));
  await ended();
  await system.request(`/v1/batches/${asyncId}/repost`, as(acme, { method: 'POST' }));
  await system.request(`/v1/keys/${plain.id}`, as(acme, { method: 'DELETE' }));
  await system.request('/v1/keys/bw_unknown', as(acme, { method: 'DELETE' }));
  const limits = { rate: { limit: 5, perSeconds: 1 } };
  const changes = [{ paused: true }, { paused: false, limits }, { limits: null }, { paused: 'no' }];
  for (const change of changes)
    await system.request('/v1/actions/test.echo', { method: 'PATCH', body: JSON.stringify(change) });

  const shown = ({ event, target, actor }: Json) => [event, target, actor.keyId];
  const theirs = await auditOf(as(acme));
  assert.deepEqual(theirs.data.map(shown), [
    ['key.revoked', plain.id, acme.id],
    ['batch.restarted', asyncId, acme.id],
    ['batch.cancelled', stopped, acme.id],
    ['key.created', plain.id, 'admin'],
    ['key.created', acme.id, 'admin'],
  ]);
  assert.deepEqual(theirs.data[4].details, { name: 'boss', permissions: ['admin', '*'], expiresAt: null });
  assert.deepEqual(theirs.data[4].actor, { keyId: 'admin', tenant: 'default' });

  const all = await auditOf();
  assert.deepEqual(all.data.map(shown).slice(0, 4), [
    ['action.limitsChanged', 'test.echo', 'admin'],
    ['action.limitsChanged', 'test.echo', 'admin'],
    ['action.resumed', 'test.echo', 'admin'],
    ['action.paused', 'test.echo', 'admin'],
  ]);
  assert.deepEqual(
    all.data.slice(0, 2).map(({ details }: Json) => details),
    [{ limits: null }, { limits }],
  );
  assert.equal(all.data.length, 9);

  const pages: Json[] = [];
  for (let query = '?limit=3'; query !== ''; ) {
    const { data, nextCursor } = await auditOf({}, query);
    pages.push(...data);
    query = nextCursor === null ? '' : `?limit=3&cursor=${nextCursor}`;
  }
  assert.deepEqual(pages, all.data, 'pages by cursor');

  const select = async (query: string, init?: RequestInit) => (await auditOf(init, query)).data.map(shown);
  assert.deepEqual(await select('?event=action.paused'), [['action.paused', 'test.echo', 'admin']]);
  assert.deepEqual(await select(`?target=${plain.id}&keyId=admin`), [['key.created', plain.id, 'admin']]);
  assert.deepEqual(await select('?tenant=acme'), theirs.data.map(shown));
  assert.deepEqual(await select('?tenant=default', as(acme)), [], 'nothing of another tenant');
  assert.equal((await system.request('/v1/audit?actor=admin')).status, 400);

  const unknown = await system.request('/v1/audit?event=key.create');
  assert.equal(unknown.status, 400);
  assert.equal(unknown.body.detail, `event must be one of ${AUDIT_EVENTS.join(', ')}`);

  assert.equal((await system.request('/v1/audit?cursor=x')).status, 400);
  assert.equal((await system.request('/v1/audit?limit=0')).status, 400);
  const key = await makeKey({ name: 'no admin', tenant: 'acme', permissions: ['*'] });
  assert.equal((await system.request('/v1/audit', as(key))).status, 403);
});

test('a change that fails leaves no entry, and old entries are deleted', async (t) => {
  const system = await startSystem(t, { worker: false });
  const { pool } = system;
  await pool.query(`create function pg_temp_fail() returns trigger language plpgsql as
    $$ begin raise exception 'no entry, no change'; end $$`);
  await pool.query(`create trigger fail before insert on batchwright.audit
    for each row execute function pg_temp_fail()`);
  const body = JSON.stringify({ name: 'k', permissions: ['*'] });
  assert.equal((await system.request('/v1/keys', { method: 'POST', body })).status, 500);
  assert.deepEqual((await system.request('/v1/keys')).body.data, [], 'no key without its entry');
  await pool.query('drop trigger fail on batchwright.audit');
  await system.request('/v1/keys', { method: 'POST', body });
  await system.request('/v1/keys', { method: 'POST', body });
  await pool.query(`update batchwright.audit set at = now() - interval '91 days'
    where id = (select min(id) from batchwright.audit)`);
  await retain({ pool, log: silentPluginLog });
  assert.equal((await system.request('/v1/audit')).body.data.length, 2, 'without a number of days');
  await retain({ pool, log: silentPluginLog, auditDays: 90 });
  assert.equal((await system.request('/v1/audit')).body.data.length, 1);
});

test('docs/api.md names every event of the audit', () => {
  const row = readFileSync('docs/api.md', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('| `GET /v1/audit?'));
  const [, listed = ''] = row?.split('Events: ') ?? [];
  assert.deepEqual(
    [...listed.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    [...AUDIT_EVENTS],
  );
});
