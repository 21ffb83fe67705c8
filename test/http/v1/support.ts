/** Helpers for the tests of /v1. */

import assert from 'node:assert/strict';
import type pg from 'pg';
import type { Json } from '../../support/json.ts';
import { storedJobsText } from '../../support/stored-jobs.ts';
import { ADMIN_KEY, type Answer, type System } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

export const NDJSON = 'application/x-ndjson';

export const echo = (n: unknown, more: object = {}) => ({
  namespace: 'test',
  action: 'echo',
  params: { n, ...more },
});
export const echoes = (count: number) => Array.from({ length: count }, (_, n) => echo(n));
/** Waits for its gate, and counts its runs under the gate's name. */
export const gated = (gate: string, n = 0) => ({
  namespace: 'test',
  action: 'behave',
  params: { gate, n, effect: gate },
});
export const refuse = { namespace: 'rpc', action: 'refuse', params: { message: 'no' } };

export const openGate = (pool: pg.Pool, gate: string) =>
  pool.query('insert into test.gate values ($1)', [gate]);

/** How many runs of `gated` there were under the name. */
export async function runsOf(pool: pg.Pool, name: string): Promise<number> {
  const { rowCount } = await pool.query('select from test.effect where name = $1', [name]);
  return rowCount ?? 0;
}

/** One job per line, each line ended. */
export const toLines = (jobs: readonly unknown[]) => jobs.map((job) => `${JSON.stringify(job)}\n`).join('');

export function postBatch(
  system: System,
  body: unknown,
  headers: Record<string, string> = {},
  query = '',
): Promise<Answer> {
  return system.request(`/v1/batches${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** @param query begins with `?` */
export function postLines(
  system: System,
  body: string | Uint8Array,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return system.request(`/v1/batches${query}`, {
    method: 'POST',
    headers: { 'content-type': NDJSON, ...headers },
    body: typeof body === 'string' ? body : Uint8Array.from(body),
  });
}

/** The answer with its body as text. */
export async function getText(system: System, path: string, accept: string, method = 'GET'): Promise<Answer> {
  const response = await fetch(`${system.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, accept },
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** A key of another tenant, as headers. */
export async function strangerOf(system: System, permissions = ['*']): Promise<Record<string, string>> {
  const { status, body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'stranger', tenant: 'stranger', permissions }),
  });
  assert.equal(status, 201);
  return { authorization: `Bearer ${body.key}` };
}

/** Asserts an RFC 9457 answer and returns its body. */
export function assertProblem({ status, headers, body }: Answer, expected: number, detail?: RegExp): Json {
  assert.equal(status, expected, JSON.stringify(body));
  assert.equal(headers.get('content-type')?.split(';')[0], 'application/problem+json');
  assert.equal(body.status, expected);
  assert.match(body.type, /^\/docs\/errors\/[a-z-]+$/);
  assert.equal(typeof body.title, 'string');
  assert.equal(typeof body.detail, 'string');
  if (detail) assert.match(body.detail, detail);
  return body;
}

/** Requests whose first chunks are stored and that are still being sent. */
export async function openUploads(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('select count(*) as count from batchwright.upload');
  return rows[0]?.count ?? -1;
}

/** Open transactions of such requests. */
export async function ingests(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*) as count from pg_stat_activity
     where datname = current_database() and application_name = 'batchwright ingest' and xact_start is not null`,
  );
  return rows[0]?.count ?? 0;
}

/** Blocks every COPY into its table. */
export async function lockChunks(pool: pg.Pool) {
  const client = await pool.connect();
  await client.query('begin; lock table batchwright.chunk in access exclusive mode');
  return {
    async isWaitedFor() {
      await waitFor(
        async () => {
          const { rowCount } = await client.query(
            `select from pg_locks where not granted and relation = 'batchwright.chunk'::regclass`,
          );
          return (rowCount ?? 0) > 0;
        },
        { what: 'a request that waits for the table' },
      );
    },
    async release() {
      await client.query('rollback');
      client.release();
    },
  };
}

/** The batch's jobs as they are stored. */
export async function storedJobs(pool: pg.Pool, asyncId: string): Promise<unknown[]> {
  return (await storedJobsText(pool, asyncId)).flatMap((text) => JSON.parse(text));
}
