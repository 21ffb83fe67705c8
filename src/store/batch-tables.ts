/** The tables with rows of a batch that are not divided by day. */
export const UNDIVIDED_TABLES = [
  'job_progress',
  'delivery',
  'plan',
  'plan_chunk',
  'plan_group',
  'plan_note',
  'bound_params',
] as const;
