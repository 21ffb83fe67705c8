/** The worker's lanes: each takes one message after the other from its queue. */
import type { Pool } from 'pg';
import { CallbackBodies } from '../pipeline/deliver/callback-body.ts';
import { CallbackGroups } from '../pipeline/deliver/callback-groups.ts';
import { type DeliverDeps, deliver } from '../pipeline/deliver/deliver.ts';
import type { RunChunkDeps } from '../pipeline/run/run-chunk.ts';
import { newResultWalk, type ResultWalk } from '../pipeline/settle/lost-results.ts';
import { startDueBatches } from '../pipeline/upkeep/due-batches.ts';
import { startReleasingLeft } from '../pipeline/upkeep/release-left.ts';
import { startRetention } from '../pipeline/upkeep/retention.ts';
import { sweep } from '../pipeline/upkeep/sweep.ts';
import type { Lanes as QueueLanes } from '../queue/queue.ts';
import { sweepEnded } from '../telemetry/events.ts';
import { startChunkLanes } from './chunk-lanes.ts';
import { Quarantine, type QuarantineDeps } from './quarantine/parent.ts';

export interface LanesDeps
  extends QuarantineDeps,
    Omit<DeliverDeps, keyof RunChunkDeps | 'bodies' | 'groups'> {
  queues: readonly string[];
  /** Chunks at the same time, in each queue. */
  concurrency: number;
  /** Only for callbacks: more of them run at once than may use the database. */
  callbackPool: Pool;
}

const SWEEP_INTERVAL_MS = 20_000;

export interface Lanes {
  /** Resolves when every lane has settled or returned its message. */
  stop(): Promise<void>;
}

export function startLanes(deps: LanesDeps): Lanes {
  const lanes: Pick<QueueLanes, 'stop'>[] = [];
  const quarantine = new Quarantine(deps);
  for (const queue of deps.queues) {
    lanes.push(startChunkLanes(deps, queue));
    lanes.push(deps.queue.quarantineLanes(queue, (claim, lane) => quarantine.run(queue, claim, lane)));
  }
  const pool = deps.callbackPool;
  const groups = new CallbackGroups({ pool, queue: deps.queue });
  const callbacks: DeliverDeps = {
    ...deps,
    pool,
    groups,
    bodies: new CallbackBodies(pool, deps.registry.callbacks),
  };
  lanes.push(deps.queue.callbackLanes(pool, (claim) => deliver(callbacks, claim)));
  const sweeping = startSweeping(deps);
  const retention = startRetention(deps);
  const due = startDueBatches(deps);
  const releasing = startReleasingLeft(deps);
  return {
    async stop() {
      sweeping.stop();
      const retained = Promise.all([retention.stop(), due.stop(), releasing.stop()]);
      await Promise.all(lanes.map((lane) => lane.stop()));
      await Promise.all([sweeping.done(), retained]);
    },
  };
}

function startSweeping(deps: LanesDeps): { stop(): void; done(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  const walk = newResultWalk();
  const timer = setInterval(() => {
    running = running.then(() => (deps.draining.aborted ? undefined : goRound(deps, walk)));
  }, SWEEP_INTERVAL_MS);
  return {
    stop: () => clearInterval(timer),
    done: () => running,
  };
}

/** Never rejects: the next round does what this one could not. */
async function goRound(deps: LanesDeps, walk: ResultWalk): Promise<void> {
  const begunAt = performance.now();
  let failure: unknown = null;
  try {
    await sweep(deps, { walk });
  } catch (error) {
    failure = error;
    deps.log.warn({ err: error }, 'sweep failed');
  }
  sweepEnded.emit({ durationMs: performance.now() - begunAt, error: failure });
}
