/** What a job says about other jobs of its batch. */
export interface JobPlan {
  /** Those of `dependsOn`, then those that only `bind` names. */
  dependencies: readonly Dependency[];
  /** How many of them are in `dependsOn`. */
  listed: number;
  group: string | undefined;
  /** The places in its params that `bind` names, as paths in the order of `comparePaths`. */
  places: readonly (readonly string[])[];
  /** The same as JSON Pointers. */
  pointers: readonly string[];
  /** For each of them the id of the job whose response it gets. */
  sources: readonly string[];
}

export interface Dependency {
  kind: 'job' | 'group';
  /** The id of the job, or the name of the group. */
  name: string;
  /** The position in `WHENS`. */
  condition: number;
}
