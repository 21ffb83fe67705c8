/** Claims held by a test, in a system without a worker, so that the test decides the order of events. */
import { PgBoss } from 'pg-boss';
import { LimitedLog } from '../../src/domain/limited-log.ts';
import { Releaser } from '../../src/pipeline/plan/releaser.ts';
import { PlannedJobs } from '../../src/pipeline/run/planned-jobs.ts';
import type { RunChunkDeps } from '../../src/pipeline/run/run-chunk.ts';
import { PluginConnections } from '../../src/pipeline/run/sql/plugin-connections.ts';
import { SmallChunks } from '../../src/pipeline/settle/small-chunks.ts';
import { ActionSlots } from '../../src/pipeline/throttle/action-slots.ts';
import { Throttle } from '../../src/pipeline/throttle/throttle.ts';
import { createPool } from '../../src/postgres/pools.ts';
import { openSession } from '../../src/postgres/session.ts';
import { type ChunkMessage, chunkQueue } from '../../src/queue/messages.ts';
import { type Claim, startQueue } from '../../src/queue/queue.ts';
import { createLargeJobChecker } from '../../src/validation/large-jobs.ts';
import { silentPluginLog } from '../support/action-context.ts';
import { silentLog } from '../support/silent-log.ts';
import type { System } from '../support/system.ts';

interface TestContext {
  after(fn: () => Promise<unknown> | unknown): void;
}

export interface Claims {
  /** The dependencies of the pipeline's functions. */
  deps: RunChunkDeps;
  /** Claims the messages waiting in the default queue, in the order of the chunks. */
  take(): Promise<Claim<ChunkMessage>[]>;
}

export async function startClaiming(t: TestContext, system: System): Promise<Claims> {
  const { databaseUrl: url, registry } = system;
  const queue = await startQueue({
    url,
    queues: registry.queues,
    applicationName: 'test',
    max: 4,
    log: silentLog,
  });
  const connections = pluginConnections(url, 4);
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on('error', () => {}); // its connections are cut when the database stops
  await boss.start();
  t.after(() => Promise.all([queue.stop(), connections.close(), boss.stop({ graceful: false })]));
  const name = chunkQueue('default');
  return {
    deps: {
      pool: system.pool,
      connections,
      queue,
      registry,
      services: { http: () => Promise.reject(new Error('not in this test')), publicUrl: system.url },
      slots: new ActionSlots(),
      throttle: new Throttle({ pool: system.pool, registry, log: silentLog }),
      smallChunks: new SmallChunks({ pool: system.pool, queue }),
      plannedJobs: new PlannedJobs(system.pool),
      largeJobs: createLargeJobChecker(registry),
      releaser: new Releaser({ pool: system.pool, queue, registry, log: silentLog }),
      log: { ...silentPluginLog, child: () => silentPluginLog },
      failures: new LimitedLog(silentPluginLog),
      draining: new AbortController().signal,
      stopping: new AbortController().signal,
    },
    async take() {
      const taken = await boss.fetch<ChunkMessage>(name, { batchSize: 100 });
      return taken
        .map(({ id, retryCount, data }) => ({ id, queue: name, retryCount, message: data }))
        .sort((a, b) => a.message.chunk - b.message.chunk);
    },
  };
}

/** The services that a worker gives to its plugins. */
export function pluginConnections(url: string, max: number): PluginConnections {
  const applicationName = 'test plugins';
  return new PluginConnections(
    createPool({ url, max, applicationName, log: silentLog, onConnect: openSession }),
  );
}

/** Simulates a worker that is considered dead: another lane claims the message. */
export async function takeOver({ pool }: Pick<System, 'pool'>, claim: Claim<ChunkMessage>): Promise<void> {
  await pool.query('update pgboss.job set retry_count = retry_count + 1 where id = $1 and name = $2', [
    claim.id,
    claim.queue,
  ]);
}
