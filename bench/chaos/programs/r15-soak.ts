/** A long mixed load: small and large batches, failures, cancels, reads. */
import { setTimeout as wait } from 'node:timers/promises';
import { withClient } from '../../../test/support/server.ts';
import { nodeProcesses, residentMegabytes } from '../../support/processes.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { startSystem } from '../support/system.ts';

/** Additional memory that the garbage collector may leave in the last third, compared with the second. */
const MEGABYTES = 80;
const QUEUE_MEGABYTES = 40;

export const program: Program = {
  id: 'R15',
  title: 'mixed load for long',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, minutes, signal, say } = chaos;
    const seconds = minutes === undefined ? scale(1_800, 240) : minutes * 60;
    await using system = await startSystem(chaos);
    await using small = repeat(100, () => system.take(notes(10)));
    await using large = repeat(5_000, () => system.take(notes(3_000, { ms: 1 })));
    await using reading = repeat(500, () => system.api.client.batches.list({ limit: 100 }).pages().next());
    const memory: number[] = [];
    for (let third = 1; third <= 3; third++) {
      memory.push(await mostMemory(system.main().pid, (seconds * 1000) / 3, signal));
      say(`third ${third}: ${memory.at(-1)?.toFixed(0)} MB at most`);
    }
    const batches = (await small.stop()) + (await large.stop());
    await reading.stop();
    const findings = await system.checker.conclude(`${batches} small and large batches in ${seconds} s`, {
      withinMs: 120_000,
      signal,
    });
    const queue = await queueMegabytes(system.databaseUrl);
    const [, second = 0, last = 0] = memory;
    return [
      ...findings,
      {
        done: '',
        must: `memory of the processes is flat: the last third at most ${MEGABYTES} MB beyond the second`,
        came: memory.map((most) => `${most.toFixed(0)} MB`).join(', '),
        held: last - second <= MEGABYTES,
      },
      {
        done: '',
        must: `the queue's table is flat: at most ${QUEUE_MEGABYTES} MB`,
        came: `${queue.toFixed(1)} MB`,
        held: queue <= QUEUE_MEGABYTES,
      },
      system.alive(''),
      system.workersLived(),
    ];
  },
};

async function mostMemory(pid: number, forMs: number, signal: AbortSignal): Promise<number> {
  let most = 0;
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    most = Math.max(most, residentMegabytes(nodeProcesses(pid)));
    await wait(500, undefined, { signal });
  }
  return most;
}

async function queueMegabytes(databaseUrl: string): Promise<number> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query(
      `select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'pgboss' and c.relkind = 'r'`,
    ),
  );
  return Number(rows[0].bytes) / 1e6;
}
