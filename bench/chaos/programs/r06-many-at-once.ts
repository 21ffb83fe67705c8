/** Thousands of small batches, all at once. */
import pLimit from 'p-limit';
import { withClient } from '../../../test/support/server.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { startSystem } from '../support/system.ts';

const BATCH_JOBS = 10;
/** Concurrent requests. */
const SENDERS = 64;

export const program: Program = {
  id: 'R6',
  title: 'thousands of small batches, all at once',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal } = chaos;
    const batches = scale(10_000, 2_000);
    await using system = await startSystem(chaos);
    const limit = pLimit(SENDERS);
    await Promise.all(Array.from({ length: batches }, () => limit(() => system.take(notes(BATCH_JOBS)))));
    const done = `${batches} batches of ${BATCH_JOBS} jobs, ${SENDERS} requests at once`;
    const findings = await system.checker.conclude(done, { withinMs: scale(1_800_000, 150_000), signal });
    const deadlocks = await countDeadlocks(system.databaseUrl);
    return [
      ...findings,
      { done: '', must: 'no deadlock', came: `${deadlocks} deadlocks`, held: deadlocks === 0 },
      system.alive(''),
      system.workersLived(),
    ];
  },
};

async function countDeadlocks(databaseUrl: string): Promise<number> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query('select deadlocks from pg_stat_database where datname = current_database()'),
  );
  return Number(rows[0].deadlocks);
}
