/** Many receivers that drip, hang or have no address, together with good ones. */
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { drip } from '../support/receiver.ts';
import { startSystem } from '../support/system.ts';

const HOSTS = 40;
const BATCHES_A_HOST = 4;
const GOOD_MS = 5_000;
const JOBS = 5;

export const program: Program = {
  id: 'R17',
  title: 'receivers that drip, hang and never resolve, on 40 hosts, of two tenants',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal, say } = chaos;
    await using system = await startSystem(chaos);
    const { receiver, checker } = system;
    const tenants = [await system.tenant('one'), await system.tenant('two')] as const;
    receiver.behave('hangs', () => {});
    receiver.behave('drips', (_request, response) => drip(response));
    for (let host = 1; host <= HOSTS; host++)
      for (let number = 0; number < BATCHES_A_HOST; number++) {
        const url =
          host % 4 === 0
            ? `http://receiver-${host}.invalid:8080/`
            : receiver.urlOf(host % 2 === 0 ? 'hangs' : 'drips', `127.0.3.${host}`);
        await tenants[host % 2]?.run(notes(JOBS), url);
      }
    const waits: number[] = [];
    for (let number = 0; number < scale(150, 15); number++) {
      const tenant = number % 2;
      const callback = `good-${number}`;
      const begun = performance.now();
      const asyncId = (await tenants[tenant]?.run(notes(JOBS), receiver.urlOf(callback, '127.0.4.1'))) ?? '';
      checker.watch({ asyncId, jobs: JOBS, callback, api: tenants[tenant], tenant: tenant ? 'two' : 'one' });
      await until(() => receiver.log.some((entry) => entry.asyncId === asyncId), { signal });
      waits.push(performance.now() - begun);
      await wait(2_000, undefined, { signal });
    }
    say(`good callbacks after ${waits.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
    const slow = receiver.log.filter(({ name }) => name === 'hangs' || name === 'drips').length;
    const done = `${HOSTS * BATCHES_A_HOST} callbacks to ${HOSTS} hosts that hang, drip or have no address; ${waits.length} good ones`;
    const slowest = Math.max(...waits);
    return [
      {
        done,
        must: "a good receiver's callback within 5 s of its batch, throughout",
        came: `the slowest within ${(slowest / 1000).toFixed(1)} s; the slow ones had ${slow} attempts`,
        held: slowest <= GOOD_MS && slow > 0,
      },
      ...(await checker.conclude('the good batches', { withinMs: 30_000, signal })),
      system.alive(''),
    ];
  },
};
