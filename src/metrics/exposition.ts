import type { Figure } from './figures.ts';

/** Figures of several processes as one text, in the format of Prometheus. */
export async function toText(
  parts: readonly (readonly Figure[])[],
): Promise<{ contentType: string; text: string }> {
  const { AggregatorRegistry } = (await import('prom-client')).default;
  const together = AggregatorRegistry.aggregate(parts as unknown as object[]);
  return { contentType: together.contentType, text: await together.metrics() };
}
