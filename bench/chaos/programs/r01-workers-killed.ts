/** Worker processes are killed one after another while they work on one large batch. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes, planned, runsOf } from '../support/jobs.ts';
import { startSystem } from '../support/system.ts';

const WORKERS = 4;
const JOB_MS = 60;
/** Concurrent runs of an action in a worker, and in its quarantine. */
const SLOTS = 20;
/** Results are recorded every 250 ms; a busy machine may take four times as long. */
const UNRECORDED_MS = 1_000;

export const program: Program = {
  id: 'R1',
  title: 'worker processes are killed while they work',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal, say } = chaos;
    const kills = scale(100, 12);
    const jobs = scale(100_000, 6_000);
    const folder = await mkdtemp(join(tmpdir(), 'batchwright-chaos-'));
    try {
      await using system = await startSystem(chaos, { env: { WORKERS: String(WORKERS) } });
      const file = join(folder, 'runs');
      const plain = notes(jobs / 2, { file, ms: JOB_MS });
      const plan = planned(plain);
      const asyncIds = [await system.take(plain), await system.take(plan)];
      let killed = 0;
      while (killed < kills) {
        await wait(1_000 + Math.random() * 2_000, undefined, { signal });
        const views = await Promise.all(asyncIds.map((asyncId) => system.api.batch(asyncId)));
        if (views.every((view) => view?.progress === 100)) break;
        const pids = system.workerPids();
        const pid = pids[Math.floor(Math.random() * pids.length)];
        if (pid === undefined) continue;
        process.kill(pid, 'SIGKILL');
        killed += 1;
      }
      say(`${killed} workers killed`);
      const done = `kill -9 of one of ${WORKERS} workers every 1 to 3 s, ${killed} times, two batches of ${jobs / 2} jobs, one of them a plan`;
      const findings = await system.checker.conclude(done, { withinMs: scale(1_800_000, 150_000), signal });
      const runs = (await readFile(file, 'utf8')).trim().split('\n').length;
      const expected = plain.length + runsOf(plan);
      const inFlight = SLOTS * Math.ceil(1 + UNRECORDED_MS / JOB_MS);
      return [
        ...findings,
        {
          done: '',
          must: `jobs run again ≤ kills × ${inFlight} jobs that run or are not recorded yet`,
          came: `${runs} runs of ${expected} jobs that run, ${runs - expected} again`,
          held: runs >= expected && runs - expected <= killed * inFlight,
        },
        system.alive(''),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
