/** The way through a list that comes in pages. The cursor is in the address. */
import { hrefWith, queryValue } from '../state/place.ts';

interface PagerProps {
  label: string;
  nextCursor: string | null;
  /** What the links are called; absent for a list with the newest first. */
  first?: string;
  next?: string;
}

export function Pager({ label, nextCursor, first = 'Newest', next = 'Older' }: PagerProps) {
  const cursor = queryValue('cursor');
  if (!cursor && !nextCursor) return null;
  return (
    <nav class="pager" aria-label={label}>
      {cursor && (
        <a class="button" href={hrefWith({ cursor: undefined })}>
          {first}
        </a>
      )}
      {nextCursor && (
        <a class="button" href={hrefWith({ cursor: nextCursor })}>
          {next}
        </a>
      )}
    </nav>
  );
}
