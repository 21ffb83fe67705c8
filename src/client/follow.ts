/** Follows several batches over one connection. */
import { ConnectionError, NotFoundError } from './errors.ts';
import { eventsOfMany, HeldBackError } from './events.ts';
import type { Page } from './pages.ts';
import { batchPath } from './paths.ts';
import type { Batch } from './resources/batch.ts';
import { isPassing, pauseMs } from './retry.ts';
import { sleep } from './sleep.ts';
import { type CallOptions, type Transport, withQuery } from './transport.ts';

export interface FollowOptions extends CallOptions {
  /** How long the server may be away before it fails. 120 s when absent. */
  patienceSeconds?: number;
  /** Also the 50 newest batches of the key's tenant, and those that are taken from now on: then it does not end. */
  newest?: boolean;
}

/** What is new about a batch. */
export type FollowedBatch =
  | { name: 'progress' | 'finished'; asyncId: string; batch: Batch }
  /** It was deleted, or is another tenant's. */
  | { name: 'gone'; asyncId: string; batch: null };

const DEFAULT_PATIENCE_SECONDS = 120;
/** Where events do not come through, each batch is asked for. */
const POLL_MS = 5_000;
const NEWEST = 50;

/** Ends when every batch has ended or is gone. Throws the last error when the server was away for too long. */
export async function* followBatches(
  transport: Transport,
  asyncIds: readonly string[],
  { signal, patienceSeconds = DEFAULT_PATIENCE_SECONDS, newest = false }: FollowOptions,
): AsyncGenerator<FollowedBatch> {
  // A TypeError now, and not after an answer about other batches.
  asyncIds.forEach(batchPath);
  const open = new Set(asyncIds);
  let lastAnswerAt = Date.now();
  let failures = 0;
  const onAnswer = () => {
    lastAnswerAt = Date.now();
    failures = 0;
  };
  const changes = async function* (): AsyncGenerator<FollowedBatch> {
    try {
      const options = { signal, newest, onOpen: onAnswer };
      for await (const { name, batch } of eventsOfMany(transport, [...open], options)) {
        const { asyncId } = batch;
        yield name === 'gone' ? { name, asyncId, batch: null } : { name, asyncId, batch };
      }
    } catch (error) {
      if (!(error instanceof HeldBackError)) throw error;
      for (const asyncId of open) yield await ask(transport, asyncId, signal);
      if (newest) yield* askForNewest(transport, signal);
      await sleep(POLL_MS, signal);
    }
  };
  while (newest || open.size > 0) {
    try {
      for await (const change of changes()) {
        onAnswer();
        if (!newest && !open.has(change.asyncId)) continue;
        if (change.name !== 'progress') open.delete(change.asyncId);
        yield change;
        if (!newest && open.size === 0) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      failures += 1;
      const isAway = Date.now() - lastAnswerAt > patienceSeconds * 1_000;
      if (isAway || !(error instanceof ConnectionError || isPassing(error))) throw error;
      await sleep(pauseMs(failures, error), signal);
    }
  }
}

async function ask(
  transport: Transport,
  asyncId: string,
  signal: AbortSignal | undefined,
): Promise<FollowedBatch> {
  try {
    const batch = await transport.json<Batch>({ path: batchPath(asyncId), signal, repeat: 'never' });
    return asChange(batch);
  } catch (error) {
    if (error instanceof NotFoundError) return { name: 'gone', asyncId, batch: null };
    throw error;
  }
}

async function* askForNewest(
  transport: Transport,
  signal: AbortSignal | undefined,
): AsyncGenerator<FollowedBatch> {
  const path = withQuery('/v1/batches', { limit: NEWEST });
  const { data } = await transport.json<Page<Batch>>({ path, signal, repeat: 'never' });
  yield* data.map(asChange);
}

function asChange(batch: Batch): FollowedBatch {
  const isEnded = batch.state === 'completed' || batch.state === 'cancelled';
  return { name: isEnded ? 'finished' : 'progress', asyncId: batch.asyncId, batch };
}
