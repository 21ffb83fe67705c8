import { createRequire } from 'node:module';
import type * as PerfHooks from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import type { Figure } from './figures.ts';

/** What prom-client imports: the one object of the module, not bindings of its members. */
const hooks = createRequire(import.meta.url)('node:perf_hooks') as {
  -readonly [name in 'monitorEventLoopDelay' | 'PerformanceObserver']: (typeof PerfHooks)[name];
};

/** Node's own metrics of this process, which prom-client collects from the first reading on, until `close`. */
export class NodeFigures {
  #registry: Promise<Registry> | undefined;
  readonly #observers = new DisposableStack();

  async read(): Promise<Figure[]> {
    this.#registry ??= this.#collect();
    const figures = (await (await this.#registry).getMetricsAsJSON()) as unknown as Figure[];
    // The mean of no values is not a number, which JSON does not have.
    return figures.map((figure) => ({
      ...figure,
      values: figure.values.filter(({ value }) => Number.isFinite(value)),
    }));
  }

  /** Removes what observes this process. Later readings return what they can without observers. */
  close(): void {
    this.#observers.dispose();
  }

  /** The library is loaded only when it is used. */
  async #collect(): Promise<Registry> {
    const { collectDefaultMetrics, Registry } = (await import('prom-client')).default;
    const register = new Registry();
    if (!this.#observers.disposed) keepObservers(this.#observers, () => collectDefaultMetrics({ register }));
    return register;
  }
}

/**
 * Calls `start`, and makes the stack end what it begins to observe. prom-client itself has no way to stop: its
 * event-loop monitor and its observer of garbage collections would stay for as long as the process runs.
 */
function keepObservers(stack: DisposableStack, start: () => void): void {
  const { monitorEventLoopDelay, PerformanceObserver } = hooks;
  hooks.monitorEventLoopDelay = (options) =>
    stack.adopt(monitorEventLoopDelay(options), (monitor) => monitor.disable());
  hooks.PerformanceObserver = class extends PerformanceObserver {
    constructor(callback: PerfHooks.PerformanceObserverCallback) {
      super(callback);
      stack.defer(() => this.disconnect());
    }
  };
  try {
    start();
  } finally {
    Object.assign(hooks, { monitorEventLoopDelay, PerformanceObserver });
  }
}
