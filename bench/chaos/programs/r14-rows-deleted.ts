/** Rows that the product relies on are deleted or changed by hand; only the sweep repairs them. */
import { withClient } from '../../../test/support/server.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes, planned } from '../support/jobs.ts';
import { progressed, type System, startSystem } from '../support/system.ts';

const REPAIR_MS = 60_000;
const JOBS = 400;
const JOB_MS = 100;

/** The damage done to a batch while it runs. */
const DAMAGES: Record<string, string> = {
  'its counters set to 0': `update batchwright.batch set succeeded = 0, failed = 0 where id = $1`,
  'its counters set too high': `update batchwright.batch set succeeded = total - 1 where id = $1`,
  'its chunk messages deleted': `delete from pgboss.job where data->>'batch' = $1::uuid::text and name like 'jobs.%'`,
};

/** That of a batch whose jobs depend on each other. */
const PLAN_DAMAGES: Record<string, string> = {
  'the chunk messages of a plan deleted': `delete from pgboss.job where data->>'batch' = $1::uuid::text and name like 'jobs.%'`,
  'its groups wait for more jobs than there are': `update batchwright.plan_group set remaining = remaining + 1 where batch_id = $1`,
};

export const program: Program = {
  id: 'R14',
  title: 'counters, chunk messages and callback messages are deleted by hand',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { signal, say } = chaos;
    await using system = await startSystem(chaos);
    const findings: Finding[] = [];
    for (const [damage, statement] of Object.entries({ ...DAMAGES, ...PLAN_DAMAGES })) {
      const isPlanned = damage in PLAN_DAMAGES;
      const seconds = await damaged(system, { statement, isPlanned }, signal);
      say(`${damage}: ended after ${seconds.toFixed(0)} s`);
      findings.push(repaired(`a batch in the midst of its work: ${damage}`, 'it ends', seconds));
    }
    const seconds = await callbackDeleted(system, signal);
    findings.push(repaired('the message of its callback deleted', 'the callback is delivered', seconds));
    return [
      ...findings,
      ...(await system.checker.conclude('all of these batches', { withinMs: REPAIR_MS, signal })),
      system.alive(''),
    ];
  },
};

/** Returns the number of seconds until it had ended. */
async function damaged(
  system: System,
  { statement, isPlanned }: { statement: string; isPlanned: boolean },
  signal: AbortSignal,
): Promise<number> {
  const name = `damaged-${isPlanned ? 'plan-' : ''}${statement.length}`;
  const jobs = notes(JOBS, { ms: JOB_MS });
  const asyncId = await system.api.run(isPlanned ? planned(jobs) : jobs, system.receiver.urlOf(name));
  await progressed(system.api, asyncId, 20, signal);
  await withClient(system.databaseUrl, (client) => client.query(statement, [asyncId]));
  const since = performance.now();
  await until(async () => (await system.api.batch(asyncId))?.state === 'completed', { signal, everyMs: 100 });
  // Watched from here on, because counters that were changed by hand may decrease.
  system.checker.watch({ asyncId, jobs: JOBS, callback: name });
  return (performance.now() - since) / 1000;
}

async function callbackDeleted(system: System, signal: AbortSignal): Promise<number> {
  system.receiver.behave('refused', (_request, response, number) =>
    response.writeHead(number === 1 ? 503 : 204, number === 1 ? { 'retry-after': '600' } : {}).end(),
  );
  const asyncId = await system.take(notes(10), { name: 'refused' });
  await until(() => system.receiver.log.some((entry) => entry.asyncId === asyncId), { signal });
  await until(
    () =>
      withClient(system.databaseUrl, async (client) => {
        const { rowCount } = await client.query(
          `delete from pgboss.job where data->>'batch' = $1::uuid::text and name = 'callbacks' and state < 'active'`,
          [asyncId],
        );
        return (rowCount ?? 0) > 0;
      }),
    { signal, everyMs: 100 },
  );
  const since = performance.now();
  const isDelivered = () => system.receiver.log.some((entry) => entry.asyncId === asyncId && entry.accepted);
  await until(isDelivered, { signal, everyMs: 100 });
  return (performance.now() - since) / 1000;
}

function repaired(done: string, must: string, seconds: number): Finding {
  return {
    done,
    must: `${must} within 60 s`,
    came: `after ${seconds.toFixed(1)} s`,
    held: seconds * 1000 <= REPAIR_MS,
  };
}
