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

export function job(action: 'note' | 'harm' | 'sleep' | 'sleepInTransaction', params: object = {}): Job {
  return { namespace: 'chaos', action, params };
}
