/** The server ends connections of the product at random, five a second. */
import { setTimeout as wait } from 'node:timers/promises';
import { withClient } from '../../../test/support/server.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes, planned } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { startSystem } from '../support/system.ts';

const EVERY_MS = 200;

export const program: Program = {
  id: 'R4',
  title: 'connections to Postgres are ended, five a second',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { postgres, scale, signal } = chaos;
    const seconds = scale(120, 30);
    await using system = await startSystem(chaos);
    await using taking = repeat(300, (count) => {
      const jobs = notes(40, { ms: 20 });
      return system.take(count % 2 === 0 ? jobs : planned(jobs));
    });
    const database = new URL(system.databaseUrl).pathname.slice(1);
    let ended = 0;
    await withClient(postgres.url, async (client) => {
      for (let count = 0; count < (seconds * 1000) / EVERY_MS; count++) {
        const { rowCount } = await client.query(
          `select pg_terminate_backend(pid) from (
             select pid from pg_stat_activity where datname = $1 and pid <> pg_backend_pid() order by random() limit 1
           ) chosen`,
          [database],
        );
        ended += rowCount ?? 0;
        await wait(EVERY_MS, undefined, { signal });
      }
    });
    const batches = await taking.stop();
    const done = `pg_terminate_backend of ${ended} connections in ${seconds} s; ${batches} batches of 40 jobs taken beside it, half of them plans`;
    return [
      ...(await system.checker.conclude(done, { withinMs: 90_000, signal })),
      system.alive(''),
      system.workersLived(),
    ];
  },
};
