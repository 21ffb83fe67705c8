import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { startClaiming, takeOver } from '../pipeline/claims.ts';
import { echoJobs } from '../pipeline/work-jobs.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after }, { worker: false });
const { deps, take } = await startClaiming({ after }, system);

async function secondsSinceBeat(batch: string): Promise<number | undefined> {
  const { rows } = await system.pool.query<{ seconds: number }>(
    `select extract(epoch from now() - heartbeat_on)::float8 as seconds from pgboss.job
     where group_id = $1 and state = 'active'`,
    [batch],
  );
  return rows[0]?.seconds;
}

test('a message whose settle has to wait does not delay the heartbeats of the others', async () => {
  const ids = [await system.run(echoJobs(1)), await system.run(echoJobs(1))];
  const [settling = '', other = ''] = ids.map(toBatchId);
  const work = Promise.withResolvers<void>();
  const lanes = deps.queue.chunkLanes('default', () => work.promise, {
    lanes: 2,
    room: () => ({ free: {}, later: {} }),
  });
  const client = await system.pool.connect();
  try {
    const both = async () =>
      (await secondsSinceBeat(settling)) !== undefined && (await secondsSinceBeat(other)) !== undefined;
    await waitFor(both, { what: 'both messages in hand' });
    await client.query('begin');
    await client.query('select from pgboss.job where group_id = $1 for update', [settling]);
    await system.pool.query(
      `update pgboss.job set heartbeat_on = now() - interval '5 s' where group_id = $1`,
      [other],
    );
    const isRenewed = async () => Number(await secondsSinceBeat(other)) < 5;
    await waitFor(isRenewed, { timeoutMs: 10_000, what: 'the heartbeat' });
  } finally {
    await client.query('rollback');
    client.release();
    work.resolve();
    await lanes.stop();
  }
});

test('a holder with an old claim does not renew the heartbeat of the new one', async () => {
  const batch = toBatchId(await system.run(echoJobs(1)));
  const claim = (await take()).find(({ message }) => message.batch === batch);
  assert.ok(claim);
  await takeOver(system, claim);
  await system.pool.query(
    `update pgboss.job set state = 'active', heartbeat_on = now() - interval '5 s' where group_id = $1`,
    [batch],
  );
  await deps.queue.renew(claim);
  assert.ok(Number(await secondsSinceBeat(batch)) >= 5);
  await deps.queue.renew({ ...claim, retryCount: claim.retryCount + 1 });
  assert.ok(Number(await secondsSinceBeat(batch)) < 5);
});
