/**
 * A worker is stopped for longer than its heartbeat lasts, another takes over, and then the first continues.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import type { ChaosResult } from '../support/api.ts';
import { notes, planned } from '../support/jobs.ts';
import { progressed, startSystem } from '../support/system.ts';

const JOBS = 60;
const JOB_MS = 1_000;
/** Two heartbeats, and the time until supervision notices. */
const STILL_MS = 25_000;
/** The time for the server to finish what the worker had sent before it was stopped. */
const SENT_MS = 500;
/** The time for the stale worker to report its remaining results. */
const BACK_MS = 5_000;

export const program: Program = {
  id: 'R2',
  title: 'a worker is stopped past its heartbeat and comes back',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal, say } = chaos;
    const rounds = scale(10, 3);
    await using system = await startSystem(chaos, { env: { ROLE: 'api' } });
    let changed = 0;
    let staleAnswers = 0;
    let ended = 0;
    for (let round = 1; round <= rounds; round++) {
      const stale = await system.startWorker();
      const jobs = notes(JOBS, { ms: JOB_MS });
      const asyncId = await system.take(round % 2 === 0 ? jobs : planned(jobs));
      await progressed(system.api, asyncId, 15, signal);
      process.kill(stale.pid, 'SIGSTOP');
      const stopped = performance.now();
      await wait(SENT_MS, undefined, { signal });
      const before = await until(() => system.api.results(asyncId), { signal });
      const other = await system.startWorker();
      await until(async () => (await system.api.batch(asyncId))?.state === 'completed', {
        signal,
        everyMs: 200,
      });
      await wait(Math.max(0, STILL_MS - (performance.now() - stopped)), undefined, { signal });
      const after = await until(() => system.api.results(asyncId), { signal });
      process.kill(stale.pid, 'SIGCONT');
      await wait(BACK_MS, undefined, { signal });
      const last = await until(() => system.api.results(asyncId), { signal });
      if (JSON.stringify(last) !== JSON.stringify(after)) changed += 1;
      const recorded = new Set(before.map(({ index }) => index));
      const isOfStale = (r: ChaosResult) => r.status === 'succeeded' && r.response.pid === stale.pid;
      staleAnswers += last.filter((result) => isOfStale(result) && !recorded.has(result.index)).length;
      if (!stale.isAlive()) ended += 1;
      await stale.stop();
      await other.stop();
      say(`round ${round} of ${rounds}`);
    }
    const done = `SIGSTOP of a worker in the midst of ${JOBS} jobs, SIGCONT after ${STILL_MS / 1000} s, ${rounds} times, each other one in a plan`;
    return [
      ...(await system.checker.conclude(done, { withinMs: 60_000, signal })),
      {
        done: '',
        must: 'no result is overwritten or added by the worker that came back',
        came: `results changed in ${changed} of ${rounds} rounds, ${staleAnswers} of the stale worker after its stop`,
        held: changed === 0 && staleAnswers === 0,
      },
      { done: '', must: 'the worker that came back goes on', came: `${ended} ended`, held: ended === 0 },
    ];
  },
};
