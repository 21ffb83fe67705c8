import type { Registry } from 'prom-client';
import type { Figure } from './figures.ts';

let registry: Promise<Registry> | undefined;

/** Node's own metrics of this process, from the first call on: prom-client collects them. */
export async function readNodeFigures(): Promise<Figure[]> {
  registry ??= collect();
  const figures = (await (await registry).getMetricsAsJSON()) as unknown as Figure[];
  // The mean of no values is not a number, which JSON does not have.
  return figures.map((figure) => ({
    ...figure,
    values: figure.values.filter(({ value }) => Number.isFinite(value)),
  }));
}

async function collect(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = (await import('prom-client')).default;
  const register = new Registry();
  collectDefaultMetrics({ register });
  return register;
}
