import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';

/** As the variables OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say it. */
export interface Sampling {
  sampler: `${'' | 'parentbased_'}${'always_on' | 'always_off' | 'traceidratio'}`;
  /** From 0 to 1, for `traceidratio`. */
  share: number;
}

/** The sampler that the SDK makes of its variables, for values that come from elsewhere. */
export function createSampler({ sampler, share }: Sampling): Sampler {
  const root = rootOf(sampler.replace('parentbased_', ''), share);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootOf(name: string, share: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  return name === 'always_on' ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(share);
}
