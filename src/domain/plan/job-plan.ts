/** What a job says about other jobs of its batch. */
export interface JobPlan {
  /** Those of `dependsOn`, then those that only `bind` names. */
  dependencies: readonly Dependency[];
  /** How many of them are in `dependsOn`. */
  listed: number;
  group: string | undefined;
  /** The ids of the jobs whose responses it gets, in the order of `bind`. */
  sources: readonly string[];
}

export interface Dependency {
  kind: 'job' | 'group';
  /** The id of the job, or the name of the group. */
  name: string;
  /** The position in `WHENS`. */
  condition: number;
}
