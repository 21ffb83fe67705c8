/** The metrics of a worker: handed to the process that forked it, or served on a port of its own. */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { StartError } from '../domain/start-error.ts';
import type { MetricsAccess } from '../http/metrics/metrics-routes.ts';
import { ChildFigures } from '../metrics/child-figures.ts';
import { type Figure, sumOfGrowing } from '../metrics/figures.ts';
import type { ProcessFigures } from '../metrics/process-figures.ts';
import { reportToParent } from '../metrics/report-to-parent.ts';
import type { QuarantineOptions } from '../worker/quarantine/parent.ts';
import { areMetricsOpen, startProcessFigures } from './metrics.ts';
import { JOB_GRACE_MS, type Running } from './running.ts';

/** What a killed worker loses of its counts at most. */
const REPORT_MS = 5_000;
/** A process of the quarantine is there for jobs that kill it. */
const QUARANTINE_REPORT_MS = 500;

interface WorkerMetrics {
  onFork: QuarantineOptions['onFork'];
  /** Serves what METRICS_PORT promises, from now on. */
  serve(isReady: () => Promise<boolean>): Running;
}

/** Throws a StartError when METRICS_PORT is taken. */
export async function startWorkerMetrics({
  config,
  log,
  isForked,
}: {
  config: Config;
  log: Logger;
  isForked: boolean;
}): Promise<WorkerMetrics> {
  const port = isForked ? undefined : config.metricsPort;
  const isNeeded = areMetricsOpen(config) && (isForked || port !== undefined);
  const figures = isNeeded ? startProcessFigures() : null;
  const children = new ChildFigures();
  const onFork = figures
    ? (child: Parameters<typeof children.follow>[0]) => children.follow(child)
    : undefined;
  if (figures && isForked) handOver(figures, REPORT_MS, children);
  const server = port === undefined ? undefined : await openServer(config, port);
  return {
    onFork,
    serve(isReady) {
      server?.serve(figures && accessTo(figures, children, config), isReady, log);
      return { drain: async () => server?.close() };
    },
  };
}

/** Loaded only when it is used. */
async function openServer({ host }: Config, port: number) {
  const { listen } = await import('./listen.ts');
  const { createWorkerApp } = await import('../http/metrics/worker-app.ts');
  const listening = await listen({ host, port }).catch((cause: Error) => {
    throw new StartError(`METRICS_PORT=${port} cannot be used: ${cause.message}`, { cause });
  });
  return {
    serve(metrics: MetricsAccess | null, isReady: () => Promise<boolean>, log: Logger): void {
      listening.serve(createWorkerApp({ metrics, isReady, log }));
      const { url } = listening;
      if (metrics) log.info({ url }, 'the metrics of this worker are served');
      else
        log.warn(
          { url },
          'only the health of this worker is served: its metrics need METRICS_KEY where HOST is no loopback address',
        );
    },
    close: () => listening.close(JOB_GRACE_MS),
  };
}

function accessTo(figures: ProcessFigures, children: ChildFigures, { metricsKey }: Config): MetricsAccess {
  return {
    key: metricsKey,
    async read() {
      const { toText } = await import('../metrics/exposition.ts');
      return toText([[...figures.read(), ...(await figures.node.read())], ...children.lastKnown()]);
    },
  };
}

/**
 * Hands the figures of a quarantine process to its worker.
 *
 * @returns hands over what was counted last, before this process ends
 */
export function handOverFigures(config: Config): () => Promise<void> {
  return areMetricsOpen(config) ? handOver(startProcessFigures(), QUARANTINE_REPORT_MS) : async () => {};
}

function handOver(figures: ProcessFigures, everyMs: number, children?: ChildFigures): () => Promise<void> {
  let isScraped = false;
  return reportToParent(async (isAsked) => {
    // Without a scrape nobody needs Node's, which take memory. Once reported they must not be missing again.
    isScraped ||= isAsked;
    const own = [...figures.read(), ...(isScraped ? await figures.node.read() : [])];
    const more = children?.lastKnown() ?? [];
    return more.some(({ length }) => length > 0) ? addUp(own, more) : own;
  }, everyMs);
}

/** What others have counted is added to one's own; gauges of others are left out. */
function addUp(own: readonly Figure[], more: readonly (readonly Figure[])[]): Figure[] {
  const sums = new Map(sumOfGrowing([own, ...more]).map((figure) => [figure.name, figure]));
  return own.map((figure) => sums.get(figure.name) ?? figure);
}
