/** A worker hangs in the middle of a transaction, as on a frozen machine or behind a cut network. */
import { setTimeout as wait } from 'node:timers/promises';
import { type DatabaseProxy, startProxy } from '../../../test/support/proxy.ts';
import { withClient } from '../../../test/support/server.ts';
import type { MainProcess } from '../../support/main-process.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes, planned } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { type System, startSystem } from '../support/system.ts';

const JOBS = 2_000;
const JOB_MS = 50;
/** The time for a session that waited for the row to get it. */
const SETTLED_MS = 500;
const OTHERS_MS = 10_000;
const TAKEN_OVER_MS = 30_000;

export const program: Program = {
  id: 'R16',
  title: 'a worker hangs in the middle of a settle; its network is cut',
  async run(chaos: Chaos): Promise<Finding[]> {
    const stillMs = chaos.scale(300_000, 120_000);
    const seconds = `${stillMs / 1000} s`;
    // At the same time, each with its own database: they mostly wait.
    const findings = await Promise.all([
      standStill(chaos, stillMs, () => ({
        done: `SIGSTOP in mid-settle of a plan for ${seconds}`,
        isPlanned: true,
        env: {},
        stop: (worker) => process.kill(worker.pid, 'SIGSTOP'),
        goOn: (worker) => process.kill(worker.pid, 'SIGCONT'),
      })),
      standStill(chaos, stillMs, (proxy) => ({
        done: `its connection to Postgres is frozen in the middle of a settle for ${seconds}, and no end of the connection is reported`,
        isPlanned: false,
        env: { DATABASE_URL: proxy.url },
        stop: () => proxy.freeze(),
        goOn: () => proxy.thaw(),
      })),
    ]);
    return findings.flat();
  },
};

interface Way {
  done: string;
  /** Its jobs depend on each other. */
  isPlanned: boolean;
  env: Record<string, string>;
  stop(worker: MainProcess): void;
  goOn(worker: MainProcess): void;
}

async function standStill(
  chaos: Chaos,
  stillMs: number,
  wayThrough: (proxy: DatabaseProxy) => Way,
): Promise<Finding[]> {
  const { signal, say } = chaos;
  await using stack = new AsyncDisposableStack();
  const system = stack.use(await startSystem(chaos, { env: { ROLE: 'api' } }));
  const after = (end: () => unknown) => stack.defer(async () => void (await end()));
  const way = wayThrough(await startProxy({ after }, system.databaseUrl));
  const jobs = notes(JOBS, { ms: JOB_MS });
  const asyncId = await system.take(way.isPlanned ? planned(jobs) : jobs);
  const worker = await stopInSettle(system, asyncId, way, signal);
  const since = performance.now();
  const other = await system.startWorker();
  const waits: number[] = [];
  await using taking = repeat(1_000, async () => {
    const begun = performance.now();
    const small = await system.take(planned(notes(10)));
    await until(async () => (await system.api.batch(small))?.state === 'completed', { signal, everyMs: 50 });
    waits.push(performance.now() - begun);
  });
  const before = (await system.api.batch(asyncId))?.counts.succeeded ?? 0;
  await until(async () => ((await system.api.batch(asyncId))?.counts.succeeded ?? 0) > before, {
    signal,
    everyMs: 100,
  });
  const takenOverMs = performance.now() - since;
  say(`${way.done}: taken over after ${(takenOverMs / 1000).toFixed(1)} s`);
  await wait(Math.max(0, stillMs - takenOverMs), undefined, { signal });
  await taking.stop();
  way.goOn(worker);
  await wait(3_000, undefined, { signal });
  await worker.stop();
  await other.stop();
  const findings = await system.checker.conclude('all of these batches', { withinMs: 60_000, signal });
  return [
    {
      done: way.done,
      must: 'its work is taken over within 30 s',
      came: `after ${(takenOverMs / 1000).toFixed(1)} s`,
      held: takenOverMs <= TAKEN_OVER_MS,
    },
    {
      done: `${waits.length} batches of others meanwhile`,
      must: 'done within 10 s each',
      came: `the slowest within ${(Math.max(...waits) / 1000).toFixed(1)} s`,
      held: waits.length > 0 && Math.max(...waits) <= OTHERS_MS,
    },
    ...findings,
    system.alive(''),
  ];
}

/**
 * Locks the batch's row until the worker waits for it, stops the worker, and releases the row: then a settle
 * has it. If another statement was waiting instead, the worker continues and this is repeated.
 */
async function stopInSettle(
  system: System,
  asyncId: string,
  way: Way,
  signal: AbortSignal,
): Promise<MainProcess> {
  return withClient(system.databaseUrl, async (client) => {
    const isSession = async (condition: string) => {
      const { rowCount } = await client.query(
        `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and ${condition}`,
      );
      return (rowCount ?? 0) > 0;
    };
    const worker = await system.startWorker({ env: way.env });
    for (;;) {
      await client.query('begin');
      await client.query('select from batchwright.batch where id = $1 for update', [asyncId]);
      await until(() => isSession("wait_event_type = 'Lock'"), { signal, everyMs: 5 });
      way.stop(worker);
      await client.query('rollback');
      await wait(SETTLED_MS, undefined, { signal });
      if (await isSession("state = 'idle in transaction'")) return worker;
      way.goOn(worker);
    }
  });
}
