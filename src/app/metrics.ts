/** Who may read the metrics, and what those of the API are made of. */
import { isIP } from 'node:net';
import type { Pool } from 'pg';
import type { Config } from '../config/config.ts';
import { VERSION } from '../config/version.ts';
import type { MetricsAccess } from '../http/metrics/metrics-routes.ts';
import type { ChildFigures } from '../metrics/child-figures.ts';
import { DatabaseFigures } from '../metrics/database-figures.ts';
import { toText } from '../metrics/exposition.ts';
import { ProcessFigures } from '../metrics/process-figures.ts';
import { specialKind } from '../outbound/address-kind.ts';
import { systemCounts } from '../pipeline/read/system-counts.ts';
import { poolUse } from '../postgres/pools.ts';

/** True where `/metrics` answers: with METRICS_KEY, or on a loopback address that only this host reaches. */
export function areMetricsOpen({ metricsKey, host }: Pick<Config, 'metricsKey' | 'host'>): boolean {
  if (metricsKey !== undefined) return true;
  return isIP(host) === 0 ? host.toLowerCase() === 'localhost' : specialKind(host) === 'a loopback address';
}

/** Counts what happens in this process from now on, until `close`. */
export function startProcessFigures(): ProcessFigures {
  return new ProcessFigures({ openPools: poolUse, version: VERSION });
}

/** The metrics of the API: its own, its forked workers', and those in the database. */
export function apiMetrics(
  figures: ProcessFigures,
  options: { config: Config; pool: Pool; queues: readonly string[]; children: ChildFigures | undefined },
): MetricsAccess {
  const { config, pool, queues, children } = options;
  const database = new DatabaseFigures(async () => {
    const counts = await systemCounts(pool, queues);
    return {
      ...counts,
      queues: counts.queues.map(({ queue, oldestSeconds, ...messages }) => ({
        queue,
        oldestSeconds,
        messages,
      })),
    };
  });
  return {
    key: config.metricsKey,
    async read() {
      const [workers, counts, node] = await Promise.all([
        children?.read() ?? [],
        database.read(),
        figures.node.read(),
      ]);
      return toText([[...figures.read(), ...node, ...counts], ...workers]);
    },
  };
}
