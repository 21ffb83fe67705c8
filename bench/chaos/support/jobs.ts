/** Jobs of the actions in bench/chaos/jobs. */
import type { Job } from '../../../src/client/index.ts';

export interface NoteOptions {
  /** The duration of each. */
  ms?: number;
  /** Each run appends its number to this file. */
  file?: string;
  /** Makes its result larger. */
  bytes?: number;
  /** Makes the job larger. */
  padding?: string;
}

/** Jobs that return their number. */
export function notes(count: number, options: NoteOptions = {}): Job[] {
  return Array.from({ length: count }, (_, n) => job('note', { n, ...options }));
}

/** What is added to ten jobs, the first of which is `base`: a group, a failure, a skip, a value, and what waits for these. */
const PLAN: ((base: number) => Partial<Job>)[] = [
  () => ({}),
  (base) => ({ dependsOn: [`${base}`], group: `first ${base}` }),
  (base) => ({ dependsOn: [`${base}`], group: `first ${base}` }),
  (base) => ({ dependsOn: [{ group: `first ${base}` }], params: { fails: true } }),
  (base) => ({ dependsOn: [`${base + 3}`], params: { skippedBy: base + 3 } }),
  (base) => ({ dependsOn: [{ job: `${base + 4}`, when: 'finished' }] }),
  (base) => ({ dependsOn: [{ job: `${base + 3}`, when: 'failed' }] }),
  (base) => ({
    bind: { '/from': { job: `${base + 2}`, at: '/n' } },
    params: { fromJob: base + 2 },
  }),
  (base) => ({ dependsOn: [`${base + 5}`, `${base + 6}`, `${base + 7}`] }),
  (base) => ({ dependsOn: [`${base + 8}`] }),
];

/** The jobs of `notes`, a multiple of ten, as a plan: in each ten, jobs depend on others, one fails and one is skipped. */
export function planned(jobs: readonly Job[]): Job[] {
  return jobs.map((one, index) => {
    const step = index % PLAN.length;
    const { params, ...members } = PLAN[step]?.(index - step) ?? {};
    return { ...one, ...members, id: String(index), params: { ...one.params, ...params } };
  });
}

/** Jobs of `planned` that run. */
export function runsOf(jobs: readonly Job[]): number {
  return jobs.filter(({ params }) => !('skippedBy' in params)).length;
}

export function job(action: 'note' | 'harm' | 'sleep' | 'sleepInTransaction', params: object = {}): Job {
  return { namespace: 'chaos', action, params };
}
