/**
 * The API is killed while it receives a large batch; the caller sends the batch again under the same
 * Idempotency-Key.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as send } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Job } from '../../../src/client/index.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { type System, startSystem } from '../support/system.ts';

/** The part of the body that was sent when the API is killed; null means as soon as it has answered. */
const PHASES = [0.05, 0.5, 0.95, 1, null];

export const program: Program = {
  id: 'R7',
  title: 'the API is killed while it takes in a large batch, which is sent again',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal, say } = chaos;
    const jobs = notes(scale(300_000, 20_000));
    const lines = jobs.map((job) => `${JSON.stringify(job)}\n`);
    await using system = await startSystem(chaos);
    const ids: string[] = [];
    const findings: Finding[] = [];
    for (const phase of PHASES) {
      const key = randomUUID();
      const first = await killAt(phase, lines, key, system);
      await system.startMain();
      const second = await sendAgain(jobs, key, system, signal);
      const third = await sendAgain(jobs, key, system, signal);
      ids.push(second);
      system.checker.watch({ asyncId: second, jobs: jobs.length });
      const listed = await system.api.listedIds();
      const strange = listed.filter((asyncId) => !ids.includes(asyncId)).length;
      const same = second === third && (first === undefined || first === second);
      say(`killed ${phase === null ? 'after the answer' : `at ${phase * 100} %`}`);
      findings.push({
        done:
          phase === null
            ? 'kill -9 of the API after its answer'
            : `kill -9 of the API at ${phase * 100} % of the body`,
        must: 'all or nothing, one asyncId however often it is sent',
        came: `${same ? 'one asyncId' : `${first}, ${second}, ${third}`}, ${strange} batches beside it`,
        held: same && strange === 0,
      });
    }
    const done = `${PHASES.length} batches of ${jobs.length} jobs as lines`;
    return [
      ...findings,
      ...(await system.checker.conclude(done, { withinMs: scale(1_800_000, 120_000), signal })),
    ];
  },
};

/** Returns the asyncId if there was an answer. */
async function killAt(
  phase: number | null,
  lines: readonly string[],
  key: string,
  system: System,
): Promise<string | undefined> {
  const request = open(system, key);
  request.on('error', () => {});
  const answered = once(request, 'response').catch(() => undefined);
  const part = lines.slice(0, Math.ceil(lines.length * (phase ?? 1))).join('');
  if (phase === null || phase === 1) request.end(part);
  else request.write(part);
  let asyncId: string | undefined;
  if (phase === null) {
    const [response] = (await answered) ?? [];
    asyncId = JSON.parse((await response.toArray()).join('')).asyncId;
  } else {
    // How much the API has read by then is random, on purpose.
    await wait(Math.random() * 400);
  }
  const workers = system.workerPids();
  await system.main().end('SIGKILL');
  for (const pid of workers) killIfAlive(pid);
  request.destroy();
  return asyncId;
}

/** Its lines are the bytes of the first request. */
async function sendAgain(
  jobs: readonly Job[],
  idempotencyKey: string,
  { api }: System,
  signal: AbortSignal,
): Promise<string> {
  return (await api.client.batches.createFrom(jobs, { idempotencyKey, signal })).asyncId;
}

function open({ api }: System, key: string) {
  return send(`${api.url}/v1/batches`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api.key}`,
      'content-type': 'application/x-ndjson',
      'idempotency-key': key,
    },
  });
}

/** A worker whose API was killed ends by itself, and may have ended already. */
function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}
