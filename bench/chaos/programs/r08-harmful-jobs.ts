/** Jobs that end their process, among many normal ones. */
import type { Job } from '../../../src/client/index.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { job, notes } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { startSystem } from '../support/system.ts';

const JOBS = 1_000;
const HARMFUL: Record<number, Job> = {
  200: job('harm', { how: 'exit' }),
  500: job('harm', { how: 'loop' }),
  800: job('harm', { how: 'memory' }),
};
const PROBE_MS = 5_000;

export const program: Program = {
  id: 'R8',
  title: 'jobs that exit, loop and fill the memory, among 997 good ones',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal } = chaos;
    await using system = await startSystem(chaos);
    const probes: number[] = [];
    await using probing = repeat(500, async () => {
      const begun = performance.now();
      const answered = await system.api.client.actions.list().catch(() => undefined);
      probes.push(answered ? performance.now() - begun : Number.POSITIVE_INFINITY);
    });
    const jobs = notes(JOBS).map((good, index) => HARMFUL[index] ?? good);
    const asyncId = await system.api.run(jobs, system.receiver.urlOf('harm'));
    const reasons = new Map<number, string>();
    system.checker.watch({
      asyncId,
      jobs: JOBS,
      callback: 'harm',
      isRight({ index, status, response }) {
        if (!HARMFUL[index]) return status === 'succeeded' && response.n === index;
        const reason = status === 'failed' ? response.message : '';
        reasons.set(index, reason);
        return status === 'failed' && reason.length > 0;
      },
    });
    const done = `${JOBS} jobs, of which three exit, loop endlessly and fill the memory`;
    const findings = await system.checker.conclude(done, { withinMs: scale(600_000, 200_000), signal });
    await probing.stop();
    const slowest = Math.max(...probes);
    return [
      ...findings,
      {
        done: '',
        must: 'each of the three says why it failed',
        came: [...reasons.values()].join('; '),
        held: reasons.size === 3,
      },
      {
        done: `a request each half second, ${probes.length} in all`,
        must: 'the API answers throughout, within 5 s',
        came: `the slowest within ${(slowest / 1000).toFixed(1)} s`,
        held: slowest <= PROBE_MS,
      },
      system.alive(''),
    ];
  },
};
