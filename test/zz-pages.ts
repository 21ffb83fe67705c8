import { mkdtemp, rm } from 'node:fs/promises';
import { startEmbeddedPostgres } from '/work/main/src/database/embedded.ts';
import { createPool } from '/work/main/src/database/pools.ts';
import { withMigrationLock, migrate } from '/work/main/src/database/migrate.ts';
const log: any = { info() {}, warn: console.warn, error: console.error };
const dataDir = await mkdtemp('/tmp/rest/pg-');
const { url, stop } = await startEmbeddedPostgres({ dataDir, log });
const pool = createPool({ url, max: 4, applicationName: 'x', log });
await withMigrationLock(url, log, (client: any) => migrate({ client, schema: 'batchwright', directory: '/work/main/src/store/migrations', log }));
const id = (await pool.query('select batchwright.new_batch_id() as id')).rows[0].id;
await pool.query(`insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
  select $1, n, 'succeeded', json_build_object('id', n, 'ok', true, 'name', 'contact ' || n), 1, now(), now() from generate_series(0, 99999) n`, [id]);
const id2 = (await pool.query('select batchwright.new_batch_id() as id')).rows[0].id;
await pool.query(`insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
  select $1, n, 'succeeded', to_json(repeat('x', 1000000)), 1, now(), now() from generate_series(0, 999) n`, [id2]);
await pool.query('vacuum analyze');
const plain = `select index, status, response, attempts, started_at as "startedAt", finished_at as "finishedAt"
     from batchwright.result where batch_id = $1 and index >= $2 order by index limit $3`;
const windowed = `select index, status, response, attempts, started_at as "startedAt", finished_at as "finishedAt" from (
   select *, sum(octet_length(response::text)) over (order by index rows unbounded preceding) - octet_length(response::text) as before from (
     select * from batchwright.result where batch_id = $1 and index >= $2 order by index limit $3) page) sized
   where before is null or before < 2097152 order by index`;
async function walk(name: string, text: string, limit: number, batch = id) {
  const t = performance.now(); let next = 0, count = 0, q = 0;
  for (;;) {
    const { rows } = await pool.query({ name, text, values: [batch, next, limit] });
    q++;
    if (rows.length === 0) break;
    count += rows.length; next = rows.at(-1).index + 1;
  }
  return [count, q, Math.round(performance.now() - t)];
}
for (let i = 0; i < 3; i++) {
  console.log('plain 1000', await walk('p', plain, 1000), 'plain 256', await walk('p', plain, 256), 'plain 128', await walk('p', plain, 128), 'plain 64', await walk('p', plain, 64), 'windowed 1000', await walk('w', windowed, 1000));
}
const t = performance.now(); 
const r = await pool.query({ name: 'w', text: windowed, values: [id2, 0, 1000] });
console.log('surprise windowed', r.rows.length, Math.round(performance.now() - t));
const t2 = performance.now(); const b = process.memoryUsage().rss;
const r2 = await pool.query({ name: 'p', text: plain, values: [id2, 0, 128] });
console.log('128 of 1MB', r2.rows.length, Math.round(performance.now() - t2), Math.round((process.memoryUsage().rss - b) / 1e6));
await pool.end(); await stop(); await rm(dataDir, { recursive: true, force: true });
