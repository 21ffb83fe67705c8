import { now } from '../state/clock.ts';
import { ago, duration, moment } from '../state/format.ts';

/** A moment as the time since; the moment itself is in the tooltip. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(at, now.value)}
    </time>
  );
}

/** The time from one moment to another, or until now. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }) {
  if (from === null) return <>–</>;
  return <>{duration((to === null ? now.value : Date.parse(to)) - Date.parse(from))}</>;
}
