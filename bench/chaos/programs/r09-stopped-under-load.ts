/** A worker is repeatedly asked to end while it works. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Chaos, Finding, Program } from '../program.ts';
import { isUncharged } from '../support/checker.ts';
import { notes, planned } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { startSystem } from '../support/system.ts';

/** The drain's own limit, and additional time for a busy machine. */
const GRACE_MS = 30_000;

export const program: Program = {
  id: 'R9',
  title: 'SIGTERM under load',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal, say } = chaos;
    const stops = scale(200, 10);
    await using system = await startSystem(chaos, { env: { ROLE: 'api' } });
    const large = planned(notes(scale(100_000, 4_000), { ms: 80 }));
    const largeId = await system.api.run(large, system.receiver.urlOf('large'));
    system.checker.watch({ asyncId: largeId, jobs: large.length, callback: 'large', isRight: isUncharged });
    await using taking = repeat(700, async (count) => {
      const callback = `small-${count}`;
      const jobs = notes(20, { ms: 500 });
      const asyncId = await system.api.run(
        count % 2 === 0 ? jobs : planned(jobs),
        system.receiver.urlOf(callback),
      );
      system.checker.watch({ asyncId, jobs: 20, callback, isRight: isUncharged });
    });
    let slowest = 0;
    const killed: number[] = [];
    for (let count = 1; count <= stops; count++) {
      const worker = await system.startWorker();
      await wait(500 + Math.random() * 1_500, undefined, { signal });
      const asked = performance.now();
      const code = await worker.end('SIGTERM');
      slowest = Math.max(slowest, performance.now() - asked);
      if (code !== 0) killed.push(count);
      if (count % 10 === 0) say(`${count} of ${stops}`);
    }
    const batches = await taking.stop();
    await system.startWorker();
    const done = `SIGTERM of the worker ${stops} times, at work on a plan of ${large.length} jobs and ${batches} batches of 20, half of them plans`;
    const [results, ...others] = await system.checker.conclude(done, {
      withinMs: scale(3_600_000, 150_000),
      signal,
    });
    return [
      ...(results ? [{ ...results, must: `${results.must}, and one attempt charged` }] : []),
      ...others,
      {
        done: '',
        must: 'each ends within 30 s, with exit code 0',
        came: `the slowest within ${(slowest / 1000).toFixed(1)} s, ${killed.length} with another code`,
        held: slowest <= GRACE_MS && killed.length === 0,
      },
    ];
  },
};
