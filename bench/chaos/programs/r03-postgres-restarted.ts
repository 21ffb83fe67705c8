/** Postgres is shut down repeatedly, in turn in the fast and in the immediate way. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes, planned } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { startSystem } from '../support/system.ts';

const BATCH_JOBS = 50;
const RESUME_MS = 10_000;

export const program: Program = {
  id: 'R3',
  title: 'Postgres is restarted while batches come and run',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { postgres, scale, signal, say } = chaos;
    const restarts = scale(30, 8);
    await using system = await startSystem(chaos);
    await using taking = repeat(500, (count) => {
      const jobs = notes(BATCH_JOBS, { ms: 20 });
      return system.take(count % 2 === 0 ? jobs : planned(jobs));
    });
    const pauses: number[] = [];
    for (let count = 0; count < restarts; count++) {
      await wait(5_000 + Math.random() * 5_000, undefined, { signal });
      const pid = serverPid(postgres.dataDir);
      process.kill(pid, count % 2 === 0 ? 'SIGINT' : 'SIGQUIT');
      await until(() => isAnotherServer(postgres.dataDir, pid), { signal, everyMs: 20 });
      await until(async () => (await fetch(`${system.api.url}/readyz`).catch(() => null))?.ok === true, {
        signal,
        everyMs: 20,
      });
      const back = performance.now();
      const probe = await system.take(notes(1));
      await until(async () => (await system.api.batch(probe))?.state === 'completed', {
        signal,
        everyMs: 50,
      });
      pauses.push(performance.now() - back);
      say(`restart ${count + 1} of ${restarts}: a new job is done after ${pauses.at(-1)?.toFixed(0)} ms`);
    }
    const batches = await taking.stop();
    const done = `Postgres shut down every 5 to 10 s, ${restarts} times, each second time -m immediate; ${batches} batches of ${BATCH_JOBS} jobs taken beside it, half of them plans`;
    const slowest = Math.max(...pauses);
    return [
      ...(await system.checker.conclude(done, { withinMs: 90_000, signal })),
      {
        done: '',
        must: 'a job taken once Postgres is back is done within 10 s',
        came: `the slowest after ${(slowest / 1000).toFixed(1)} s`,
        held: slowest <= RESUME_MS,
      },
      system.alive(''),
      system.workersLived(),
    ];
  },
};

function serverPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
}

/** True when a server runs there, and it is a new one. */
function isAnotherServer(dataDir: string, before: number): boolean {
  try {
    const pid = serverPid(dataDir);
    return pid > 0 && pid !== before;
  } catch {
    return false;
  }
}
