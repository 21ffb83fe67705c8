import type { Config } from '../config/config.ts';
import { VERSION } from '../config/version.ts';
import type { Tracing } from '../tracing/start.ts';

/**
 * Traces this process where a collector is configured; otherwise nothing is loaded.
 *
 * @param role what this process does
 */
export async function startTracing(config: Config, role: string): Promise<Tracing | undefined> {
  const endpoint = config.otlpTracesEndpoint ?? config.otlpEndpoint;
  if (endpoint === undefined || config.otelSdkDisabled === 'true' || config.tracesExporter === 'none')
    return undefined;
  const tracing = await import('../tracing/start.ts');
  const protocol = config.otlpTracesProtocol ?? config.otlpProtocol;
  return tracing.startTracing({ endpoint, protocol, role, version: VERSION });
}
