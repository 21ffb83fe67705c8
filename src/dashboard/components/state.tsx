/** States of batches, jobs and callbacks: a coloured dot and the word, because colour alone says nothing to many. */
import type { Counts } from '../../client/index.ts';
import { count } from '../state/format.ts';

export function State({ name }: { name: string }) {
  return (
    <span class="state">
      <span class={`dot ${name}`} aria-hidden="true" />
      {name}
    </span>
  );
}

/** In the order of the bar; members that a server does not have count as none. */
export const JOB_STATES = [
  'succeeded',
  'failed',
  'cancelled',
  'skipped',
  'running',
  'waiting',
  'pending',
] as const;

/** The jobs of a batch as a bar: a part for each state, in proportion; states with few jobs stay visible. */
export function CountsBar({ counts, size }: { counts: Counts; size?: 'large' }) {
  const parts = partsOf(counts);
  const text = parts.map(({ state, value }) => `${count(value)} ${state}`).join(', ');
  return (
    <div class={`bar ${size ?? ''}`} role="img" aria-label={text} title={text}>
      {parts.map(({ state, value }) => (
        <span key={state} class={`part ${state}`} style={{ flexGrow: value }} />
      ))}
    </div>
  );
}

/** The states that any job is in, with the number of jobs. */
export function partsOf(counts: Counts): { state: (typeof JOB_STATES)[number]; value: number }[] {
  const all = counts as Partial<Record<(typeof JOB_STATES)[number], number>>;
  return JOB_STATES.map((state) => ({ state, value: all[state] ?? 0 })).filter(({ value }) => value > 0);
}
