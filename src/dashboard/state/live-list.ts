/** A page of the list of batches as it changes: one event stream for the batches that are on the screen. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Batch } from '../../client/index.ts';
import type { Page } from '../../client/pages.ts';
import { isUnfinished } from './batch-filter.ts';
import { PATIENCE_SECONDS, type Resource, shownError, useResource } from './resource.ts';
import { returns } from './server.ts';
import { client, getJson } from './session.ts';
import { visible } from './visible.ts';

/** Of a page that the server sends. */
export const ROWS = 50;
/** Batches that came since are shown above them; with more in all, the page is loaded again. */
const MOST_ROWS = 200;

export interface ListOptions {
  /** The query of `/v1/batches`. */
  query: URLSearchParams;
  /** Batches that are taken while the page is open belong to it. */
  hasNewest: boolean;
  /** Whether a batch belongs to the list, as it is now. */
  selects(batch: Batch): boolean;
}

/**
 * Loads the page once, and then applies the events: those of its batches that have not ended, and, of the newest, those that
 * are taken or run again. A hidden page follows nothing.
 */
export function useLiveList({ query, hasNewest, selects }: ListOptions): Resource<Page<Batch>> {
  const loaded = useResource(`batches ${query}`, (signal) =>
    getJson<Page<Batch>>(`/v1/batches?${query}`, signal),
  );
  const { data, reload } = loaded;
  const changes = useSignal<ReadonlyMap<string, Batch | null>>(new Map());
  const error = useSignal<Error | null>(null);
  const isVisible = visible.value;

  useEffect(() => {
    changes.value = new Map();
    error.value = null;
    if (!data || !isVisible) return;
    const open = data.data.filter(isUnfinished).map(({ asyncId }) => asyncId);
    if (open.length === 0 && !hasNewest) return;
    const control = new AbortController();
    void apply(open, control.signal);
    return () => control.abort();
  }, [data, hasNewest, isVisible, returns.value, client.value]);

  async function apply(open: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      const options = { signal, patienceSeconds: PATIENCE_SECONDS, newest: hasNewest };
      for await (const { asyncId, batch } of client.peek()?.batches.follow(open, options) ?? [])
        changes.value = new Map(changes.peek()).set(asyncId, batch);
    } catch (problem) {
      if (!signal.aborted) error.value = shownError(problem);
    }
  }

  const page = data && { ...data, data: merged(data.data, changes.value, hasNewest).filter(selects) };
  const shown = page?.data.length ?? 0;
  const lacksRows = data !== undefined && data.nextCursor !== null && shown < data.data.length / 2;
  useEffect(() => {
    if (shown > MOST_ROWS || lacksRows) reload();
  }, [shown > MOST_ROWS || lacksRows]);
  return { ...loaded, data: page, error: loaded.error ?? error.value };
}

/** The batches of the page as they are now, those that are gone left out, and above them those that came since. */
function merged(
  batches: readonly Batch[],
  changes: ReadonlyMap<string, Batch | null>,
  hasNewest: boolean,
): Batch[] {
  const known = new Set(batches.map(({ asyncId }) => asyncId));
  const oldest = batches.length < ROWS ? '' : (batches.at(-1)?.asyncId ?? '');
  // Ids rise with the time.
  const newer = [...changes.values()]
    .filter((batch) => batch !== null && hasNewest && !known.has(batch.asyncId) && batch.asyncId > oldest)
    .sort((a, b) => ((a?.asyncId ?? '') < (b?.asyncId ?? '') ? 1 : -1));
  return [...newer, ...batches.map((batch) => changeOf(batch, changes))].filter((batch) => batch !== null);
}

function changeOf(batch: Batch, changes: ReadonlyMap<string, Batch | null>): Batch | null {
  const change = changes.get(batch.asyncId);
  return change === undefined ? batch : change;
}
