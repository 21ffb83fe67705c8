/** Plugins whose statements take far longer than their jobs may, with and without a transaction. */
import { ENDLESS } from '../../../test/support/endless.ts';
import { withClient } from '../../../test/support/server.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { job, notes } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { startSystem } from '../support/system.ts';

const OTHERS_MS = 10_000;
const GONE_MS = 30_000;

export const program: Program = {
  id: 'R19',
  title: 'statements of plugins outlive their timeouts, plain and transactional',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal } = chaos;
    const each = scale(1_000, 200);
    await using system = await startSystem(chaos);
    const waits: number[] = [];
    await using taking = repeat(500, async () => {
      const begun = performance.now();
      const asyncId = await system.take(notes(5));
      await until(async () => (await system.api.batch(asyncId))?.state === 'completed', {
        signal,
        everyMs: 50,
      });
      waits.push(performance.now() - begun);
    });
    for (const action of ['sleep', 'sleepInTransaction'] as const) {
      const jobs = Array.from({ length: each }, () => job(action));
      const asyncId = await system.api.run(jobs, system.receiver.urlOf(action));
      system.checker.watch({
        asyncId,
        jobs: each,
        callback: action,
        isRight: ({ status, response }) => status === 'failed' && response?.errorCode === 504,
      });
    }
    const slow = 2;
    await until(() => system.receiver.log.filter(({ name }) => name.startsWith('sleep')).length >= slow, {
      signal,
      everyMs: 100,
    });
    await taking.stop();
    const since = performance.now();
    const left = await statementsLeft(system.databaseUrl, signal);
    const seconds = (performance.now() - since) / 1000;
    const slowest = Math.max(...waits);
    return [
      {
        done: `${each} jobs of a statement of 300 s and a timeout of 1 s, plain, and as many transactional`,
        must: `${waits.length} batches of others meanwhile are done within 10 s each`,
        came: `the slowest within ${(slowest / 1000).toFixed(1)} s`,
        held: slowest <= OTHERS_MS,
      },
      {
        done: '',
        must: 'no server connection is left at such a statement 30 s after the last has timed out',
        came: `${left} are left after ${seconds.toFixed(1)} s`,
        held: left === 0,
      },
      ...(await system.checker.conclude('all of these batches', { withinMs: 60_000, signal })),
      system.alive(''),
      system.workersLived(),
    ];
  },
};

/** How many of them still run on the server when the time is over. */
async function statementsLeft(databaseUrl: string, signal: AbortSignal): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const count = async () => {
      const { rowCount } = await client.query(
        `select from pg_stat_activity where datname = current_database() and query = $1 and state <> 'idle'`,
        [ENDLESS],
      );
      return rowCount ?? 0;
    };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(GONE_MS)]);
    await until(async () => (await count()) === 0, { signal: limit, everyMs: 100 }).catch(() =>
      signal.throwIfAborted(),
    );
    return count();
  });
}
