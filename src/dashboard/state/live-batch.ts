/** A batch as it changes: one event stream for the batch that is on the screen. */
import { useSignal } from '@preact/signals';
import { useCallback, useEffect } from 'preact/hooks';
import type { Batch } from '../../client/index.ts';
import { PATIENCE_SECONDS, type Resource, shownError } from './resource.ts';
import { returns } from './server.ts';
import { client } from './session.ts';
import { visible } from './visible.ts';

/**
 * Follows the batch by its events, or by polling where something between holds events back. A hidden page follows
 * nothing. `reload` follows again after a restart.
 */
export function useLiveBatch(asyncId: string): Resource<Batch> {
  const state = useSignal<{ asyncId: string; batch?: Batch; error: Error | null }>({ asyncId, error: null });
  const round = useSignal(0);
  const isVisible = visible.value;

  useEffect(() => {
    if (!isVisible) return;
    const control = new AbortController();
    const onProgress = (batch: Batch) => {
      if (!control.signal.aborted) state.value = { asyncId, batch, error: null };
    };
    const follow = async () => {
      try {
        await client.peek()?.batches.wait(asyncId, {
          onProgress,
          signal: control.signal,
          patienceSeconds: PATIENCE_SECONDS,
        });
      } catch (error) {
        if (control.signal.aborted) return;
        const known = state.peek();
        state.value = { ...(known.asyncId === asyncId ? known : { asyncId }), error: shownError(error) };
      }
    };
    void follow();
    return () => control.abort();
  }, [asyncId, round.value, returns.value, client.value, isVisible]);

  const reload = useCallback(() => {
    round.value += 1;
  }, [round]);
  const { value } = state;
  if (value.asyncId !== asyncId) return { data: undefined, error: null, isLoading: true, reload };
  return { data: value.batch, error: value.error, isLoading: !value.batch && !value.error, reload };
}
