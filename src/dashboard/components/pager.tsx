/** The way through a list that comes in pages, newest first. The cursor is in the address. */
import { hrefWith, queryValue } from '../state/place.ts';

export function Pager({ label, nextCursor }: { label: string; nextCursor: string | null }) {
  const cursor = queryValue('cursor');
  if (!cursor && !nextCursor) return null;
  return (
    <nav class="pager" aria-label={label}>
      {cursor && (
        <a class="button" href={hrefWith({ cursor: undefined })}>
          Newest
        </a>
      )}
      {nextCursor && (
        <a class="button" href={hrefWith({ cursor: nextCursor })}>
          Older
        </a>
      )}
    </nav>
  );
}
