import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';

/** The delay of the event loop, in milliseconds. */
export interface LoopDelay {
  /** The number of samples. */
  count: number;
  p99: number;
  max: number;
}

export interface LoopDelays extends AsyncDisposable {
  /** Modules for `startMain`. */
  imports: readonly string[];
  env: Record<string, string>;
  /** The delay in the process of the API or of the one worker since the last call. */
  of(role: 'api' | 'worker'): Promise<LoopDelay>;
}

/** Makes processes started with `imports` and `env` report the delay of their event loops. */
export async function watchLoops(): Promise<LoopDelays> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-bench-loop-'));
  return {
    imports: [join(import.meta.dirname, 'loop-monitor.ts')],
    env: { BENCH_LOOP_FOLDER: folder },
    async of(role) {
      const name = (await readdir(folder)).find((file) => file.startsWith(`${role}-`));
      if (!name) throw new Error(`no ${role} process reports the delay of its event loop`);
      return (await json(connect(join(folder, name)))) as LoopDelay;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
