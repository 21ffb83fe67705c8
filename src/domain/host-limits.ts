/** Limits that the operator sets for hosts of `http.request`, by host, `host:port` or `*` for all others. */
export type HostLimits = ReadonlyMap<string, HostLimit>;

export interface HostLimit {
  startsPerSecond?: number;
  /** Requests at once, over all processes. */
  atOnce?: number;
}
