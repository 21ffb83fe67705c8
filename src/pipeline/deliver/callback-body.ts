/**
 * The body of a callback. Its length and signature are sent before its first byte, so the body is read before
 * it is sent.
 */
import { Readable } from 'node:stream';
import type { Pool } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import { FairShare } from '../../domain/fair-share.ts';
import { OutboundError } from '../../outbound/outbound-error.ts';
import type { Signature } from '../../outbound/signature.ts';
import { type BatchRow, findAnyBatch } from '../../store/batches.ts';
import { type CallbackBatch, callbackBatches } from '../../store/deliveries.ts';
import type { ResultPage } from '../../store/result-pages.ts';
import { elements } from '../read/result-json.ts';
import { RestartedError, readResultPages, resultsOf } from '../read/result-pages.ts';
import { endedCounts, labelsOf } from '../read/status.ts';
import { type CallbackForms, formedBody } from './callback-forms.ts';

/** Bodies up to this size are kept and sent from memory; larger ones are read twice, in constant memory. */
const KEPT_BYTES = 1024 * 1024;
/** Limit for all kept bodies together; beyond it small bodies are read twice too. */
const ALL_KEPT_BYTES = 32 * KEPT_BYTES;
/**
 * Bodies read at once, and bodies sent while they are read. Each takes about 10 MiB when its receiver reads
 * slowly.
 */
const READINGS = 8;

/** A batch whose callback is to be sent, with its results where it is small. */
export interface CallbackSource extends CallbackBatch {
  results?: ResultPage | undefined;
}

export interface CallbackBody {
  contentLength: number;
  /** The time in the signature, in seconds since 1970. */
  signingTime: number;
  signature: string;
  /**
   * A stream fails before its last bytes when they differ from what was signed, or when the batch was
   * restarted.
   */
  content: Buffer | Readable;
}

/** Starts the signature: the part before the body, with the time. */
type BeginSignature = (signingTime: number) => Signature;

/** The bodies of one process. Their memory is bounded and shared between tenants. */
export class CallbackBodies {
  readonly #pool: Pool;
  readonly #forms: CallbackForms;
  readonly #reading = new FairShare(READINGS);
  readonly #streaming = new FairShare(READINGS);
  #keptBytes = 0;

  /** @param forms the plugins' forms; a batch of another plugin's has none */
  constructor(pool: Pool, forms: CallbackForms = new Map()) {
    this.#pool = pool;
    this.#forms = forms;
  }

  /**
   * Reads the batch's results, all of one generation, signs them and sends them. Throws OutboundError when
   * the batch was restarted meanwhile, and whatever `send` throws.
   */
  async withBody<T>(
    batch: CallbackSource,
    beginSignature: BeginSignature,
    send: (body: CallbackBody) => Promise<T>,
  ): Promise<T> {
    const content = await this.#keep(batch);
    if (!content)
      return this.#streaming.run(batch.tenant, () => this.#withStream(batch, beginSignature, send));
    try {
      const { signingTime } = batch;
      const signature = beginSignature(signingTime).update(content).header();
      return await send({ contentLength: content.length, signingTime, signature, content });
    } finally {
      this.#keptBytes -= content.length;
    }
  }

  /** The body, counted among those that are kept; null when it is too large, or when too many are kept. */
  async #keep(batch: CallbackSource): Promise<Buffer | null> {
    const content =
      smallBody(batch) ?? (await this.#reading.run(batch.tenant, () => readKept(this.#bodyOf(batch))));
    if (!content || this.#keptBytes + content.length > ALL_KEPT_BYTES) return null;
    this.#keptBytes += content.length;
    return content;
  }

  async #withStream<T>(
    { id, generation }: CallbackBatch,
    beginSignature: BeginSignature,
    send: (body: CallbackBody) => Promise<T>,
  ): Promise<T> {
    const pool = this.#pool;
    // It may have waited for a long time, and receivers reject a signature that is minutes old.
    const [batch] = await callbackBatches(pool, [id]);
    if (batch?.generation !== generation) throw restarted();
    const { signingTime } = batch;
    const signed = beginSignature(signingTime);
    let contentLength = 0;
    for await (const piece of this.#bodyOf(batch)) {
      signed.update(piece);
      contentLength += piece.length;
    }
    const signature = signed.header();
    const pieces = readAgain(pool, batch, this.#bodyOf(batch), beginSignature(signingTime), signature);
    return send({ contentLength, signingTime, signature, content: Readable.from(pieces) });
  }

  /**
   * In pieces. The body of an ended batch is the same each time it is read. Throws OutboundError when the batch is
   * restarted meanwhile.
   */
  async *#bodyOf(batch: CallbackBatch): AsyncGenerator<Buffer> {
    try {
      yield* batch.callbackForm === null
        ? usualBody(this.#pool, batch)
        : formedBody(this.#pool, batch, this.#forms);
    } catch (error) {
      throw error instanceof RestartedError ? restarted() : error;
    }
  }
}

/** The body of a batch whose results were read with it; null of any other. */
function smallBody(batch: CallbackSource): Buffer | null {
  const { results, generation } = batch;
  if (results?.generation !== generation || batch.callbackForm !== null) return null;
  return Buffer.concat([headOf(batch), elements(resultsOf(results), true).bytes, END]);
}

/** Null when the body is too large to be kept. */
async function readKept(body: AsyncIterable<Buffer>): Promise<Buffer | null> {
  const kept: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    kept.push(piece);
    length += piece.length;
    if (length > KEPT_BYTES) return null;
  }
  return Buffer.concat(kept);
}

/** `{"asyncId","state","counts","name"?,"metadata"?,"stoppedBy"?,"results":[…]}` in pieces. */
async function* usualBody(pool: Pool, batch: BatchRow): AsyncGenerator<Buffer> {
  const { id, generation } = batch;
  yield headOf(batch);
  let areFirst = true;
  for await (const page of readResultPages(pool, id, { generation })) {
    yield elements(page, areFirst).bytes;
    areFirst = false;
  }
  yield END;
}

const END = Buffer.from(']}');

function headOf(batch: BatchRow): Buffer {
  const { id, state } = batch;
  const head = {
    asyncId: toAsyncId(id),
    state,
    counts: endedCounts(batch),
    ...labelsOf(batch),
    ...stopOf(batch),
  };
  return Buffer.from(`${JSON.stringify(head).slice(0, -1)},"results":[`);
}

function stopOf({ stoppedBy }: BatchRow): { stoppedBy?: string } {
  return stoppedBy === null ? {} : { stoppedBy };
}

/**
 * Throws before the last piece when the body differs from the signed one, or when the batch was restarted
 * meanwhile.
 */
async function* readAgain(
  pool: Pool,
  batch: BatchRow,
  body: AsyncIterable<Buffer>,
  again: Signature,
  signature: string,
): AsyncGenerator<Buffer> {
  let last: Buffer | undefined;
  for await (const piece of body) {
    again.update(piece);
    if (last) yield last;
    last = piece;
  }
  if (again.header() !== signature || (await isRestarted(pool, batch))) throw restarted();
  if (last) yield last;
}

async function isRestarted(pool: Pool, { id, generation }: BatchRow): Promise<boolean> {
  return (await findAnyBatch(pool, id))?.generation !== generation;
}

function restarted(): OutboundError {
  return new OutboundError('the batch was restarted while its callback was being sent');
}
