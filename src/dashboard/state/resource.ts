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

/** Where a source puts what it has. */
export interface Sink<T> {
  onData(data: T): void;
  onError(error: unknown): void;
}

/**
 * Loads when the component appears, when `name` changes, when the page is visible again, and when the server is back.
 *
 * @param name what is loaded: data of another name is forgotten
 * @param load rejects with an error of the client
 */
export function useResource<T>(name: string, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  return useSource<T>({ name }, (sink, signal) => void load(signal).then(sink.onData, sink.onError));
}

/**
 * Begins the source when `useResource` would load, and when `version` changes, which keeps the data.
 *
 * @param begin gives to the sink until the signal is aborted
 */
export function useSource<T>(
  { name, version = '' }: { name: string; version?: string },
  begin: (sink: Sink<T>, signal: AbortSignal) => void,
): Resource<T> {
  const state: Signal<State<T>> = useSignal<State<T>>({
    name,
    data: undefined,
    error: null,
    isLoading: true,
  });
  const round = useSignal(0);
  const latest = useRef(begin);
  latest.current = begin;
  const isVisible = visible.value;

  useEffect(() => {
    if (!isVisible) return;
    const control = new AbortController();
    const { signal } = control;
    const known = () => (state.peek().name === name ? state.peek().data : undefined);
    state.value = { name, data: known(), error: null, isLoading: true };
    const onData = (data: T) => {
      if (!signal.aborted) state.value = { name, data, error: null, isLoading: false };
    };
    const onError = (error: unknown) => {
      if (!signal.aborted) state.value = { name, data: known(), error: shownError(error), isLoading: false };
    };
    latest.current({ onData, onError }, signal);
    return () => control.abort();
  }, [name, version, round.value, returns.value, key.value, isVisible]);

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
