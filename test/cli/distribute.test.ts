import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createEmptyDatabase } from '../main/empty-database.ts';
import { createEmptyCluster, onCluster, testServers } from '../support/cluster.ts';
import { urlWithDatabase, withClient } from '../support/server.ts';
import { type Outcome, runCommand } from './command.ts';

const NO_CLUSTER = !onCluster() && 'CITUS_URL is not set';

suite('batchwright distribute', () => {
  const distribute = (env: Record<string, string>) => runCommand(['distribute'], { env });
  const refused = (message: string): Outcome => ({
    code: 1,
    stdout: '',
    stderr: `batchwright: ${message}\n`,
  });

  test('distribute needs DATABASE_URL', async () => {
    const expected =
      "distribute needs DATABASE_URL, the address of a Citus cluster's coordinator: the embedded database is for one machine";
    assert.deepEqual(await distribute({}), refused(expected));
  });

  test('distribute reports in one line that the database cannot be reached', async () => {
    const { code, stderr } = await distribute({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    assert.equal(code, 1);
    assert.match(stderr, /^batchwright: DATABASE_URL cannot be used: connect ECONNREFUSED [^\n]*\n$/);
  });

  test('distribute reports a Postgres without Citus, and changes nothing', {
    skip: onCluster(),
  }, async (t) => {
    const databaseUrl = await createEmptyDatabase(t);
    const expected =
      'the Postgres of DATABASE_URL has no Citus: distribute is for a Citus cluster; docs/scaling.md says when one pays and how to set it up';
    assert.deepEqual(await distribute({ DATABASE_URL: databaseUrl }), refused(expected));
    const schemas = await withClient(databaseUrl, (client) =>
      client.query(`select from pg_namespace where nspname = 'batchwright'`),
    );
    assert.equal(schemas.rowCount, 0);
  });

  test('distribute uses DATABASE_DIRECT_URL, which bypasses a pooler', async () => {
    const { stderr } = await distribute({
      DATABASE_URL: 'postgres://nobody@pooler.test/none',
      DATABASE_DIRECT_URL: 'postgres://nobody@127.0.0.1:1/none',
    });
    assert.match(stderr, /connect ECONNREFUSED 127.0.0.1:1/);
  });

  test('distribute explains how to make a database part of the cluster', { skip: NO_CLUSTER }, async (t) => {
    const { stderr } = await distribute({ DATABASE_URL: await createEmptyDatabase(t) });
    assert.match(
      stderr,
      /^batchwright: Citus is installed, but not in the database of DATABASE_URL: run CREATE EXTENSION/,
    );
  });

  test('distribute needs the address of the coordinator', { skip: NO_CLUSTER }, async (t) => {
    const { pathname } = new URL(await createEmptyCluster(t));
    const [, node = ''] = testServers();
    const { stderr } = await distribute({ DATABASE_URL: urlWithDatabase(node, pathname.slice(1)) });
    assert.match(stderr, /^batchwright: DATABASE_URL is the address of one of the cluster's nodes/);
  });

  test('distribute needs a cluster with nodes', { skip: NO_CLUSTER }, async (t) => {
    const databaseUrl = await createEmptyCluster(t);
    await withClient(databaseUrl, (client) =>
      client.query(`select citus_remove_node(nodename, nodeport) from pg_dist_node where groupid <> 0`),
    );
    const { stderr } = await distribute({ DATABASE_URL: databaseUrl });
    assert.match(stderr, /^batchwright: the cluster has no nodes: run SELECT citus_set_coordinator_host/);
  });

  test('distribute needs Batchwright to be stopped', { skip: NO_CLUSTER }, async (t) => {
    const databaseUrl = await createEmptyCluster(t);
    await withClient(`${databaseUrl}?application_name=batchwright%20api`, async () => {
      const { stderr } = await distribute({ DATABASE_URL: databaseUrl });
      assert.match(
        stderr,
        /^batchwright: Batchwright is running on this database \(batchwright api\): stop all/,
      );
    });
  });

  test('an empty database is distributed once and the result printed', {
    skip: NO_CLUSTER,
  }, async (t) => {
    const databaseUrl = await createEmptyCluster(t);
    const first = await distribute({ DATABASE_URL: databaseUrl });
    assert.deepEqual([first.code, first.stderr], [0, '']);
    assert.match(first.stdout, /^batchwright\.batch is distributed by id in 4 shards$/m);
    assert.match(first.stdout, /^batchwright\.result is distributed by batch_id in 4 shards$/m);
    assert.match(first.stdout, /^Done in [\d.]+ s\. Start Batchwright as before/m);
    // There is nothing to do, so Batchwright may be running.
    const second = await withClient(`${databaseUrl}?application_name=batchwright%20api`, () =>
      distribute({ DATABASE_URL: databaseUrl }),
    );
    assert.deepEqual([second.code, second.stderr], [0, '']);
    assert.match(
      second.stdout,
      /^Nothing to do: batchwright\.batch, [^\n]* are distributed already, on [^\n]*\.\n$/,
    );
  });

  test('distribute moves the stored rows too', { skip: NO_CLUSTER }, async (t) => {
    const databaseUrl = await createEmptyCluster(t);
    await distribute({ DATABASE_URL: databaseUrl });
    const count = await withClient(databaseUrl, async (client) => {
      await client.query(`select undistribute_table('batchwright.result')`);
      await client.query(
        `insert into batchwright.result (batch_id, index, status, attempts, finished_at)
         select batchwright.new_batch_id(), 0, 'succeeded', 1, now() from generate_series(1, 100)`,
      );
      const { stdout } = await distribute({ DATABASE_URL: databaseUrl });
      assert.match(stdout, /^batchwright\.result is distributed by batch_id in 4 shards\nThey are on /);
      const { rows } = await client.query('select count(*)::int as count from batchwright.result');
      return rows[0].count;
    });
    assert.equal(count, 100);
  });
});
