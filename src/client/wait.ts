/** Waits for the end of a batch: by its events, and by polling where they do not come through. */
import { ApiError, ConnectionError } from './errors.ts';
import { batchEvents, HeldBackError } from './events.ts';
import { batchPath } from './paths.ts';
import type { Batch } from './resources/batch.ts';
import { isPassing, pauseMs } from './retry.ts';
import { sleep } from './sleep.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface WaitOptions extends CallOptions {
  /** Called with the batch as it is now and after every change, at most four times a second. */
  onProgress?: ((batch: Batch) => void) | undefined;
  /** How long the server may be away before the wait fails. 120 s when absent. */
  patienceSeconds?: number;
}

const POLL_MS = 1_000;
/** Polls before the events are tried again, when they have not come through. */
const POLLS = 10;
const DEFAULT_PATIENCE_SECONDS = 120;

/** The batch at its end. Throws the last error when the server was away for too long. */
export async function waitForEnd(
  transport: Transport,
  asyncId: string,
  { onProgress, signal, patienceSeconds = DEFAULT_PATIENCE_SECONDS }: WaitOptions,
): Promise<Batch> {
  let lastAnswerAt = Date.now();
  let failures = 0;
  let seen: string | undefined;
  const isEnd = (batch: Batch): boolean => {
    lastAnswerAt = Date.now();
    failures = 0;
    onProgress?.(batch);
    return batch.state === 'completed' || batch.state === 'cancelled';
  };
  const endure = async (error: unknown): Promise<void> => {
    failures += 1;
    const isAway = Date.now() - lastAnswerAt > patienceSeconds * 1000;
    signal?.throwIfAborted();
    if (isAway || !isPassing(error)) throw error;
    await sleep(pauseMs(failures, error), signal);
  };
  for (;;) {
    let polls = POLLS;
    const onOpen = () => {
      polls = 1;
    };
    try {
      for await (const event of batchEvents(transport, asyncId, { seen, signal, onOpen })) {
        if (event.name === 'gone') break;
        seen = event.id;
        if (isEnd(event.batch)) return event.batch;
      }
    } catch (error) {
      if (isOfCaller(error, signal)) throw error;
      if (error instanceof HeldBackError) polls = POLLS;
      await endure(error);
    }
    // Also after events that broke off: the end may have been among those that were lost.
    for (let poll = 0; poll < polls; poll++) {
      if (poll > 0) await sleep(POLL_MS, signal);
      try {
        const batch = await transport.json<Batch>({ path: batchPath(asyncId), signal, repeat: 'never' });
        if (isEnd(batch)) return batch;
      } catch (error) {
        if (isOfCaller(error, signal)) throw error;
        await endure(error);
      }
    }
  }
}

/** Thrown by `onProgress`, or by the signal. */
function isOfCaller(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || !(error instanceof ApiError || error instanceof ConnectionError);
}
