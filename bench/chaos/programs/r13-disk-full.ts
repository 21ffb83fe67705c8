/** The disk of Postgres becomes full while batches arrive and run, and then has space again. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ApiError } from '../../../src/client/index.ts';
import { startPostgres } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import type { Api } from '../support/api.ts';
import { type NoteOptions, notes } from '../support/jobs.ts';
import { progressed, type System, startSystem } from '../support/system.ts';

const DISK = '400m';
const ROUNDS = 2;
const FULL_MS = 10_000;
/** A batch that is at work when the disk is full: its results take half of what is left, and are not done by then. */
const AT_WORK = 2_000;
const LARGE: NoteOptions = { ms: 100, bytes: 4_000 };
/** Of the time for which the disk is full, its counts must have stood still for so much at a stretch: the disk was in their way. */
const STOOD_STILL_MS = FULL_MS / 2;
const RESUME_MS = 30_000;
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

async function onFullDisk(system: System, disk: string, { signal, say }: Chaos): Promise<Finding[]> {
  const acknowledged = new Set<string>();
  const refused: string[] = [];
  const strange: string[] = [];
  async function offer(count: number, options: NoteOptions = { ms: 20 }): Promise<string | undefined> {
    const batch = { jobs: notes(count, options), callbackUrl: system.receiver.urlOf('full') };
    try {
      const { asyncId } = await system.api.client.batches.create(batch, { signal });
      acknowledged.add(asyncId);
      system.checker.watch({ asyncId, jobs: count, callback: 'full' });
      return asyncId;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 503 && error.retryAfter !== undefined) refused.push(error.message);
      else strange.push(`${error.status} ${error.message}`);
      return undefined;
    }
  }
  const settles: { recorded: number; stillMs: number; resumedMs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const atWork = await offer(AT_WORK, LARGE);
    if (atWork === undefined) throw new Error('the batch that shall be at work was not taken');
    await progressed(system.api, atWork, 10, signal);
    const ballast = fill(disk);
    const watch = watchCount(system.api, atWork);
    const end = performance.now() + FULL_MS;
    while (performance.now() < end) {
      await offer(20_000);
      await watch.look();
      await wait(500, undefined, { signal });
      fillMore(ballast);
    }
    rmSync(ballast);
    const { recorded, stillMs } = watch;
    const freed = performance.now();
    const more = async () => (await watch.look()) > recorded;
    await until(more, { signal, everyMs: 50 });
    settles.push({ recorded, stillMs, resumedMs: performance.now() - freed });
    say(`round ${round + 1}: ${recorded} results, nothing more for ${(stillMs / 1000).toFixed(1)} s`);
    await wait(5_000, undefined, { signal });
  }
  await offer(100);
  const findings = await system.checker.conclude(
    `the disk of Postgres full for ${FULL_MS / 1000} s, ${ROUNDS} times, at intake and at settle`,
    { withinMs: 120_000, signal },
  );
  const listed = await system.api.listedIds();
  const unknown = listed.filter((asyncId) => !acknowledged.has(asyncId)).length;
  return [
    ...findings,
    {
      done: '',
      must: 'what cannot be stored is 503 with Retry-After, and there is no batch beside those that were acknowledged',
      came: `${acknowledged.size} taken, ${refused.length} times 503, ${strange.length} other answers ${strange.slice(0, 2).join(' ')}, ${unknown} batches more`,
      held: refused.length > 0 && strange.length === 0 && unknown === 0,
    },
    ...settles.map(({ recorded, stillMs, resumedMs }) => ({
      done: `a batch of ${AT_WORK} jobs, at work when the disk is full`,
      must: `its results cannot be recorded for ${STOOD_STILL_MS / 1000} s or more; they can within ${RESUME_MS / 1000} s of there being room`,
      came: `it stood at ${recorded} for ${(stillMs / 1000).toFixed(1)} s, and went on after ${(resumedMs / 1000).toFixed(1)} s`,
      held: recorded < AT_WORK && stillMs >= STOOD_STILL_MS && resumedMs <= RESUME_MS,
    })),
    system.alive(''),
    system.workersLived(),
  ];
}

interface CountWatch {
  /** How many results the batch had at the last look, and for how long it has had as many. */
  recorded: number;
  stillMs: number;
  look(): Promise<number>;
}

function watchCount(api: Api, asyncId: string): CountWatch {
  let since = performance.now();
  const watch: CountWatch = {
    recorded: 0,
    stillMs: 0,
    async look() {
      // While Postgres is away nothing is recorded either.
      const recorded = (await api.batch(asyncId))?.counts.succeeded ?? watch.recorded;
      if (recorded !== watch.recorded) since = performance.now();
      watch.recorded = recorded;
      watch.stillMs = performance.now() - since;
      return recorded;
    },
  };
  return watch;
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
