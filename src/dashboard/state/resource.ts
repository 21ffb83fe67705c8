/** What a page has loaded: kept while it loads again, and loaded again when the server is back. */
import { type Signal, useSignal } from '@preact/signals';
import { useCallback, useEffect, useRef } from 'preact/hooks';
import { ConnectionError, ServerError } from '../../client/errors.ts';
import { isAway, returns } from './server.ts';
import { key } from './session.ts';
import { visible } from './visible.ts';

/**
 * A stream of events that breaks is opened again. When the server is away, the new request finds that out: the frame says so,
 * and `returns` begins the stream again.
 */
export const PATIENCE_SECONDS = 10;

export interface Resource<T> {
  /** Undefined until it has arrived. */
  data: T | undefined;
  /** Why the last try failed. While the server is away, the frame says so, and this is null. */
  error: Error | null;
  isLoading: boolean;
  /** Loads again now. */
  reload(): void;
}

interface State<T> {
  name: string;
  data: T | undefined;
  error: Error | null;
  isLoading: boolean;
}

/**
 * Loads when the component appears, when `name` changes, when the page is visible again, and when the server is back.
 *
 * @param name what is loaded: data of another name is forgotten
 * @param load rejects with an error of the client
 * @param options.everyMs the pause before it is loaded again; null: it is not
 */
export function useResource<T>(
  name: string,
  load: (signal: AbortSignal) => Promise<T>,
  { everyMs }: { everyMs?: ((data: T) => number | null) | undefined } = {},
): Resource<T> {
  const state: Signal<State<T>> = useSignal<State<T>>({
    name,
    data: undefined,
    error: null,
    isLoading: true,
  });
  const round = useSignal(0);
  const latest = useRef({ load, everyMs });
  latest.current = { load, everyMs };
  const isVisible = visible.value;

  useEffect(() => {
    if (!isVisible) return;
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const known = state.peek().name === name ? state.peek().data : undefined;
    state.value = { name, data: known, error: null, isLoading: true };
    const run = async () => {
      try {
        const data = await latest.current.load(control.signal);
        if (control.signal.aborted) return;
        state.value = { name, data, error: null, isLoading: false };
        const pause = latest.current.everyMs?.(data) ?? null;
        if (pause !== null) timer = setTimeout(() => void run(), pause);
      } catch (error) {
        if (control.signal.aborted) return;
        const { data } = state.peek();
        state.value = { name, data, error: shownError(error), isLoading: false };
      }
    };
    void run();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [name, round.value, returns.value, key.value, isVisible]);

  const reload = useCallback(() => {
    round.value += 1;
  }, [round]);
  const { value } = state;
  if (value.name !== name) return { data: undefined, error: null, isLoading: true, reload };
  return { data: value.data, error: value.error, isLoading: value.isLoading, reload };
}

/** Null for an error that the frame reports for the whole page. */
export function shownError(error: unknown): Error | null {
  if (isAway.peek() && (error instanceof ConnectionError || error instanceof ServerError)) return null;
  return error instanceof Error ? error : new Error(String(error));
}
