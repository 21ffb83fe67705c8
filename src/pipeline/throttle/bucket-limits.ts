/** The limits of one bucket. */
export interface BucketLimits {
  /** Concurrent runs; null for no such limit. */
  max: number | null;
  /** `max` is for each process by itself. */
  isLocal: boolean;
  rate: { limit: number; perSeconds: number; burst: number } | null;
  /** The pace is found out from refusals. */
  adaptive: boolean;
  /** Nothing starts. */
  isPaused: boolean;
}

export const UNLIMITED: BucketLimits = {
  max: null,
  isLocal: false,
  rate: null,
  adaptive: false,
  isPaused: false,
};
