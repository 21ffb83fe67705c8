/** Receivers fail in every way before they accept their callback. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { type Behaviour, drip, startReceiver } from '../support/receiver.ts';
import { startSystem } from '../support/system.ts';

/** How often each way is tried before the receiver answers correctly. */
const FAILURES = 2;
const GOOD_MS = 5_000;

/** What it does instead of a correct answer. */
const WAYS: Record<string, (response: ServerResponse, port: number) => void> = {
  'answers 500': (response) => response.writeHead(500).end('no'),
  hangs: () => {},
  'drips its answer': drip,
  redirects: (response, port) =>
    response.writeHead(307, { location: `http://127.0.0.1:${port}/elsewhere` }).end(),
  'cuts the connection': (response) => response.destroy(),
  'cuts the connection after 200': (response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('half');
    setTimeout(() => response.destroy(), 100);
  },
};

export const program: Program = {
  id: 'R5',
  title: 'receivers are down, fail, hang, drip, redirect and cut',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal } = chaos;
    await using system = await startSystem(chaos);
    await using down = await startReceiver();
    await down.shut();
    for (let number = 0; number < scale(10, 3); number++)
      for (const [way, fail] of Object.entries(WAYS)) {
        const name = `${encodeURIComponent(way)}-${number}`;
        system.receiver.behave(
          name,
          failFirst((response) => fail(response, system.receiver.port)),
        );
        // Separate hosts, because a receiver gets four callbacks at once.
        await system.take(notes(20), { name, host: `127.0.1.${number + 1}` });
      }
    const late = await system.api.run(notes(20), down.urlOf('down'));
    const waits: number[] = [];
    for (let number = 0; number < 10; number++) {
      const begun = performance.now();
      const asyncId = await system.take(notes(5), { name: `good-${number}`, host: '127.0.2.1' });
      await until(() => system.receiver.log.some((entry) => entry.asyncId === asyncId), { signal });
      waits.push(performance.now() - begun);
      await wait(2_000, undefined, { signal });
    }
    await down.open();
    const done = `receivers of ${scale(10, 3)} batches each fail ${FAILURES} times: ${Object.keys(WAYS).join(', ')}`;
    const findings = await system.checker.conclude(done, { withinMs: 120_000, signal });
    await until(() => down.log.some((entry) => entry.asyncId === late), { signal });
    const redirected = system.receiver.log.filter(({ name }) => name === 'elsewhere').length;
    const slowest = Math.max(...waits);
    return [
      ...findings,
      {
        done: 'a receiver without a listener for 20 s',
        must: 'delivered once it listens',
        came: `${down.log.length} requests`,
        held: down.log.some(({ accepted }) => accepted),
      },
      { done: '', must: 'no redirect is followed', came: `${redirected} were`, held: redirected === 0 },
      {
        done: `${waits.length} other batches meanwhile`,
        must: 'taken, run and delivered within 5 s each',
        came: `the slowest within ${(slowest / 1000).toFixed(1)} s`,
        held: slowest <= GOOD_MS,
      },
      system.alive(''),
    ];
  },
};

function failFirst(fail: (response: ServerResponse) => void): Behaviour {
  return (_request, response, number) => {
    if (number <= FAILURES) fail(response);
    else response.writeHead(204).end();
  };
}
