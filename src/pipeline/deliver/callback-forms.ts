/** The bodies of callbacks in the form of a plugin. */
import type { Pool } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import { OutboundError } from '../../outbound/outbound-error.ts';
import type { Callback, CallbackResult } from '../../plugin/callback.ts';
import type { CallbackBatch } from '../../store/deliveries.ts';
import { resultTexts } from '../read/result-json.ts';
import { readResultPages } from '../read/result-pages.ts';
import { endedCounts, labelsOf } from '../read/status.ts';

/** By namespace. */
export type CallbackForms = ReadonlyMap<string, Callback>;

/** A plugin may yield a character at a time, and each piece is hashed and sent by itself. */
const PIECE_CHARACTERS = 16 * 1024;

/**
 * The body of the batch's callback in the form of its plugin, in pieces. Throws OutboundError when the plugin is gone
 * or its code fails, and RestartedError when the batch was restarted.
 */
export async function* formedBody(
  pool: Pool,
  batch: CallbackBatch,
  forms: CallbackForms,
): AsyncGenerator<Buffer> {
  const form = forms.get(batch.callbackForm ?? '');
  if (!form) throw new OutboundError(`the plugin ${batch.callbackForm} has no callback.ts any more`);
  const failure: { ofResults?: Error } = {};
  let piece = '';
  try {
    // A form may read them several times.
    const results = { [Symbol.asyncIterator]: () => resultsOf(pool, batch, failure) };
    for await (const text of form.body(viewOf(batch), results)) {
      piece += text;
      if (piece.length < PIECE_CHARACTERS) continue;
      yield Buffer.from(piece);
      piece = '';
    }
  } catch (error) {
    // The database's failures are not the plugin's, whatever the plugin makes of them.
    if (failure.ofResults) throw failure.ofResults;
    throw new OutboundError(`the plugin ${batch.callbackForm} cannot make the body: ${error}`, {
      cause: error,
    });
  }
  yield Buffer.from(piece);
}

function viewOf(batch: CallbackBatch) {
  const { total, succeeded, failed, cancelled, skipped } = endedCounts(batch);
  return {
    asyncId: toAsyncId(batch.id),
    state: batch.state,
    counts: { total, succeeded, failed, cancelled, skipped },
    ...labelsOf(batch),
    createdAt: batch.createdAt,
    finishedAt: batch.finishedAt ?? batch.createdAt,
  };
}

async function* resultsOf(
  pool: Pool,
  { id, generation }: CallbackBatch,
  failure: { ofResults?: Error },
): AsyncGenerator<CallbackResult> {
  try {
    for await (const page of readResultPages(pool, id, { generation }))
      for (const text of resultTexts(page)) yield JSON.parse(text);
  } catch (error) {
    failure.ofResults = error as Error;
    throw error;
  }
}
