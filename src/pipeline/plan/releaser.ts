/** Releases jobs right after the settle that noted an end, off the settle's transaction. */
import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import { isTemporary } from '../../postgres/errors.ts';
import { hasNotes } from '../../store/plan-notes.ts';
import { newKeptGraphs } from '../../store/plans.ts';
import { jobsEnded } from '../../telemetry/events.ts';
import { reportEnd } from '../settle/batch-end.ts';
import { type ReleaseDeps, type Released, releaseSome } from './release.ts';

/** Waits for other transactions of the batch before it gives up; `startReleasingLeft` does what is left. */
const ATTEMPTS = 5;

export interface ReleaserDeps extends ReleaseDeps {
  log: Pick<Log, 'info' | 'warn'>;
}

/** One per process. */
export class Releaser {
  readonly #deps: ReleaserDeps;
  /** Batches at work; true when more was noted meanwhile. */
  readonly #working = new Map<string, boolean>();
  readonly #ended = new Set<Promise<void>>();

  constructor(deps: ReleaserDeps) {
    this.#deps = { ...deps, graphs: newKeptGraphs() };
  }

  /** Something is noted for the batch: ends of its jobs, or a cancel. Returns at once. */
  wake(batchId: string): void {
    if (this.#working.has(batchId)) {
      this.#working.set(batchId, true);
      return;
    }
    this.#working.set(batchId, false);
    const work = this.#work(batchId).finally(() => this.#ended.delete(work));
    this.#ended.add(work);
  }

  /** Resolves when all that was noted so far is done, or left. */
  async idle(): Promise<void> {
    while (this.#ended.size > 0) await Promise.all(this.#ended);
  }

  async #work(batchId: string): Promise<void> {
    try {
      do {
        this.#working.set(batchId, false);
        // What was noted before its last look is found by it.
        await releaseAll(this.#deps, batchId, () => this.#working.set(batchId, false));
      } while (this.#working.get(batchId));
    } catch (error) {
      const asyncId = toAsyncId(batchId);
      this.#deps.log.warn(
        { err: error, asyncId },
        'jobs were not released; the next look for them will do it',
      );
    } finally {
      this.#working.delete(batchId);
    }
  }
}

/**
 * Releases all that is noted for the batch, unless another process does.
 *
 * @param onLook called before each look for what is left
 */
export async function releaseAll(deps: ReleaserDeps, batchId: string, onLook = () => {}): Promise<void> {
  for (;;) {
    const { state, ...released } = await repeated(() => releaseSome(deps, batchId));
    report(deps, batchId, released);
    if (state === 'busy') return;
    if (state === 'more') continue;
    // What was noted while this process had the lock was left to it.
    onLook();
    if (!(await hasNotes(deps.pool, batchId))) return;
  }
}

async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isTemporary(error)) throw error;
    }
  }
}

function report(
  { log }: ReleaserDeps,
  batchId: string,
  { results, actionOf, ended }: Omit<Released, 'state'>,
): void {
  if (results.length > 0) jobsEnded.emit({ actionOf, results, repeated: [], waitingSince: null });
  if (ended) reportEnd(log, batchId, ended);
}
