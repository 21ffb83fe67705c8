/** The disk of Postgres becomes full while batches arrive and run, and then has space again. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startPostgres } from '../../support/postgres.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import type { List } from '../support/api.ts';
import { notes } from '../support/jobs.ts';
import { type System, startSystem } from '../support/system.ts';

const DISK = '400m';
const ROUNDS = 2;
const FULL_MS = 10_000;
const PIECE = Buffer.alloc(65_536);

export const program: Program = {
  id: 'R13',
  title: 'the disk is full, at intake and at settle',
  async run(chaos: Chaos): Promise<Finding[]> {
    await using stack = new AsyncDisposableStack();
    const disk = mkdtempSync(join(tmpdir(), 'batchwright-disk-'));
    stack.defer(() => rmdirSync(disk));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk], { stdio: 'pipe' });
    } catch {
      const came = 'a small disk cannot be mounted here: it takes root';
      return [{ done: 'nothing', must: 'a disk of its own for Postgres', came, held: false }];
    }
    stack.defer(() => void execFileSync('umount', [disk]));
    const postgres = stack.use(await startPostgres(disk));
    const system = stack.use(await startSystem({ ...chaos, postgres }));
    return await onFullDisk(system, disk, chaos);
  },
};

async function onFullDisk(system: System, disk: string, { signal }: Chaos): Promise<Finding[]> {
  const acknowledged = new Set<string>();
  const refused: string[] = [];
  const strange: string[] = [];
  async function offer(count: number): Promise<void> {
    const body = JSON.stringify({
      jobs: notes(count, { ms: 20 }),
      callbackUrl: system.receiver.urlOf('full'),
    });
    const answer = await system.api.call<{ asyncId: string; message: string }>('/batch?action=run', {
      method: 'POST',
      body,
    });
    if (answer.status === 200) {
      acknowledged.add(answer.body.asyncId);
      system.checker.watch({ asyncId: answer.body.asyncId, jobs: count, callback: 'full' });
    } else if (answer.status === 503 && answer.headers.has('retry-after')) refused.push(answer.body.message);
    else strange.push(`${answer.status} ${JSON.stringify(answer.body)}`);
  }
  for (let round = 0; round < ROUNDS; round++) {
    await offer(2_000);
    const ballast = fill(disk);
    const until = performance.now() + FULL_MS;
    while (performance.now() < until) {
      await offer(20_000);
      await wait(500, undefined, { signal });
      fillMore(ballast);
    }
    rmSync(ballast);
    await wait(5_000, undefined, { signal });
  }
  await offer(100);
  const findings = await system.checker.conclude(
    `the disk of Postgres full for ${FULL_MS / 1000} s, ${ROUNDS} times, at intake and at settle`,
    { withinMs: 120_000, signal },
  );
  const { body } = await system.api.call<List>('/v1/batches?limit=1000');
  const unknown = body.data.filter(({ asyncId }) => !acknowledged.has(asyncId)).length;
  return [
    ...findings,
    {
      done: '',
      must: 'what cannot be stored is 503 with Retry-After, and there is no batch beside those that were acknowledged',
      came: `${acknowledged.size} taken, ${refused.length} times 503, ${strange.length} other answers ${strange.slice(0, 2).join(' ')}, ${unknown} batches more`,
      held: refused.length > 0 && strange.length === 0 && unknown === 0,
    },
    system.alive(''),
    system.workersLived(),
  ];
}

/** Writes a file until the disk is full; returns its path. */
function fill(disk: string): string {
  const path = join(disk, 'ballast');
  closeSync(openSync(path, 'w'));
  fillMore(path);
  return path;
}

function fillMore(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (;;) writeSync(file, PIECE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}
