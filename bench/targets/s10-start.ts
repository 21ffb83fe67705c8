import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startMain } from '../support/main-process.ts';
import { HAS_PROC, nodeProcesses, residentMegabytes } from '../support/processes.ts';
import { READY, WORKER_READY } from '../support/product.ts';
import type { Bench, Goal, Row, Target } from './target.ts';

/** After the worker is ready: by then the garbage of the start is collected. */
const SETTLE_MS = 3_000;

export const target: Target = {
  id: 'S10',
  title: 'start and idle memory',
  method:
    '`src/main.ts` with its embedded Postgres, from the spawn of its process until it says that it is ready, on an ' +
    'empty data directory and once more on the same; resident memory of the API’s process and the worker’s together, ' +
    '3 s after both were ready',
  async measure(bench) {
    const rounds: { cold: Start; warm: Start }[] = [];
    while (rounds.length < bench.rounds) rounds.push(await measureRound(bench));
    const row = (what: string, unit: string, values: number[], most: number): Row => {
      const goal: Goal = { of: 'figure', most };
      return { what, unit, values, goal };
    };
    const memory = row(
      'idle: the API and one worker together',
      'MB',
      rounds.map(({ warm }) => warm.megabytes),
      220,
    );
    return [
      row(
        'cold start',
        's',
        rounds.map(({ cold }) => cold.seconds),
        10,
      ),
      row(
        'warm start',
        's',
        rounds.map(({ warm }) => warm.seconds),
        3,
      ),
      HAS_PROC ? memory : { ...memory, values: [], missing: 'not measured: there is no /proc' },
    ];
  },
};

interface Start {
  seconds: number;
  megabytes: number;
}

async function measureRound({ signal, say }: Bench): Promise<{ cold: Start; warm: Start }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'batchwright-bench-start-'));
  try {
    const cold = await start(dataDir, signal);
    const warm = await start(dataDir, signal);
    say(
      `cold ${cold.seconds.toFixed(2)} s, warm ${warm.seconds.toFixed(2)} s, ${warm.megabytes.toFixed()} MB`,
    );
    return { cold, warm };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function start(dataDir: string, signal: AbortSignal): Promise<Start> {
  const startedAt = performance.now();
  const main = startMain({ env: { PORT: '0', DATA_DIR: dataDir } });
  try {
    await main.says(READY, signal);
    const seconds = (performance.now() - startedAt) / 1000;
    await main.says(WORKER_READY, signal);
    await wait(SETTLE_MS, undefined, { signal });
    return { seconds, megabytes: residentMegabytes(nodeProcesses(main.pid)) };
  } finally {
    await main.stop();
  }
}
