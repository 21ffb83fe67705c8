/** The clocks of two workers are an hour off, in either direction. */
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Job } from '../../../src/client/index.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { isUncharged } from '../support/checker.ts';
import { notes } from '../support/jobs.ts';
import { startSystem } from '../support/system.ts';

const CLOCK = resolve(import.meta.dirname, '../../../test/worker/shifted-clock.mjs');
const HOUR_MS = 3_600_000;
const LONG_MS = 20_000;

export const program: Program = {
  id: 'R10',
  title: 'clocks of workers are an hour ahead and an hour behind',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal } = chaos;
    await using system = await startSystem(chaos, { env: { ROLE: 'api' } });
    for (const shift of [HOUR_MS, -HOUR_MS])
      await system.startWorker({ imports: [CLOCK], env: { CLOCK_SHIFT_MS: String(shift) } });
    const take = async (name: string, jobs: Job[]) => {
      const asyncId = await system.api.run(jobs, system.receiver.urlOf(name));
      system.checker.watch({ asyncId, jobs: jobs.length, callback: name, isRight: isUncharged });
    };
    // Longer than a heartbeat lasts: with a wrong clock the message would count as abandoned.
    await take('long', notes(30, { ms: LONG_MS }));
    for (let count = 0; count < scale(200, 20); count++) {
      await take(`short-${count}`, notes(50, { ms: 50 }));
      await wait(500, undefined, { signal });
    }
    system.receiver.behave('refused', (_request, response, number) =>
      response.writeHead(number < 3 ? 500 : 204).end(),
    );
    await take('refused', notes(5));
    const done = `two workers, one an hour ahead, one behind; jobs of ${LONG_MS / 1000} s, short ones, a callback that is repeated`;
    // Receivers refuse a signature whose time is an hour off.
    return await system.checker.conclude(done, { withinMs: 120_000, signal });
  },
};
