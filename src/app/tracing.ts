import type { Config } from '../config/config.ts';
import { VERSION } from '../config/version.ts';
import type { Tracing, TracingOptions } from '../tracing/start.ts';

/**
 * Traces this process where a collector is configured; otherwise nothing is loaded.
 *
 * @param role what this process does
 */
export async function startTracing(config: Config, role: string): Promise<Tracing | undefined> {
  const options = isTurnedOff(config) ? undefined : tracingOptions(config, role);
  if (options === undefined) return undefined;
  const tracing = await import('../tracing/start.ts');
  return tracing.startTracing(options);
}

/**
 * Traces this instance inside a program that is not ours: to the configured collector, else with the OpenTelemetry that
 * the program has registered, if there is one.
 */
export async function startTracingInProgram(
  config: Config,
): Promise<(Pick<Tracing, 'logFields' | 'stop'> & Partial<Pick<Tracing, 'reportTo'>>) | undefined> {
  if (isTurnedOff(config)) return undefined;
  const options = tracingOptions(config, config.role);
  if (options === undefined) return (await import('../tracing/within-program.ts')).joinTracing(VERSION);
  const tracing = await import('../tracing/start.ts');
  return tracing.startOwnTracing(options);
}

function isTurnedOff({ otelSdkDisabled, tracesExporter }: Config): boolean {
  return otelSdkDisabled === 'true' || tracesExporter === 'none';
}

/** Undefined when no collector is configured. */
function tracingOptions(config: Config, role: string): TracingOptions | undefined {
  const endpoint = config.otlpTracesEndpoint ?? config.otlpEndpoint;
  if (endpoint === undefined) return undefined;
  return {
    endpoint,
    url: config.otlpTracesEndpoint ?? `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    protocol: config.otlpTracesProtocol ?? config.otlpProtocol,
    sampling: { sampler: config.tracesSampler, share: Number(config.tracesSamplerArg) },
    role,
    version: VERSION,
  };
}
