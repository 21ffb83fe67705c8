/** The body of a callback: length and signature come before its first byte, so it is read before it is sent. */
import type { Hmac } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Pool } from 'pg';
import { toAsyncId } from '../domain/batch.ts';
import { OutboundError } from '../outbound/outbound-error.ts';
import { signatureHeader } from '../outbound/signature.ts';
import { type BatchRow, getBatch } from '../store/batches.ts';
import { RestartedError, readResultPages } from './result-reader.ts';
import { elements } from './results.ts';
import { terminalCounts } from './status.ts';

/** What is sent as it was first read; larger bodies are read once more, in constant memory. */
const KEPT_BYTES = 1024 * 1024;

export interface CallbackBody {
  contentLength: number;
  signature: string;
  /** A stream fails before its last bytes when it is not what was signed, or no longer all of the batch's. */
  content: Buffer | Readable;
}

/**
 * Reads the batch's results, all of one generation, and signs them.
 *
 * @param beginHmac the signature of nothing but the head, each time anew
 * Throws OutboundError when the batch was restarted meanwhile.
 */
export async function callbackBody(
  pool: Pool,
  batch: BatchRow,
  beginHmac: () => Hmac,
): Promise<CallbackBody> {
  const hmac = beginHmac();
  const kept: Buffer[] = [];
  let contentLength = 0;
  for await (const piece of bodyOf(pool, batch)) {
    hmac.update(piece);
    contentLength += piece.length;
    if (contentLength <= KEPT_BYTES) kept.push(piece);
    else kept.length = 0;
  }
  const signature = signatureHeader(hmac);
  const content =
    contentLength <= KEPT_BYTES
      ? Buffer.concat(kept)
      : Readable.from(readAgain(pool, batch, beginHmac(), signature));
  return { contentLength, signature, content };
}

/** `{"asyncId","state","counts","results":[…]}` in pieces. A finished batch reads the same every time. */
async function* bodyOf(pool: Pool, batch: BatchRow): AsyncGenerator<Buffer> {
  const { id, state, generation } = batch;
  const head = { asyncId: toAsyncId(id), state, counts: terminalCounts(batch) };
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"results":[`);
  let areFirst = true;
  try {
    for await (const page of readResultPages(pool, id, { generation })) {
      yield elements(page, areFirst);
      areFirst = false;
    }
  } catch (error) {
    throw error instanceof RestartedError ? restarted() : error;
  }
  yield END;
}

const END = Buffer.from(']}');

/** Throws before the last piece when the body is not the one that was signed, or when a restart came between. */
async function* readAgain(
  pool: Pool,
  batch: BatchRow,
  hmac: Hmac,
  signature: string,
): AsyncGenerator<Buffer> {
  for await (const piece of bodyOf(pool, batch)) {
    hmac.update(piece);
    if (piece === END && (signatureHeader(hmac) !== signature || (await isRestarted(pool, batch))))
      throw restarted();
    yield piece;
  }
}

async function isRestarted(pool: Pool, { id, generation }: BatchRow): Promise<boolean> {
  return (await getBatch(pool, id))?.generation !== generation;
}

function restarted(): OutboundError {
  return new OutboundError('the batch was restarted while its callback was being sent');
}
