import type { Pool, PoolClient } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { toAsyncId } from '../../domain/batch.ts';
import { transaction } from '../../postgres/transaction.ts';
import type { Queue } from '../../queue/queue.ts';
import { countChunks } from '../../store/chunks.ts';
import { copyChunks, type EncodedChunk, encodeChunk, type NewChunk } from '../../store/new-chunks.ts';
import { newBatchIds } from '../../store/submission.ts';
import { deleteUpload, holdUpload, insertUpload } from '../../store/uploads.ts';
import { asyncIdOf, claimIdempotencyKey, type StoredBatch } from './idempotency.ts';
import {
  type BatchToStore,
  type ChunkSummary,
  type Stored,
  storeBatches,
  summaryOf,
} from './store-batches.ts';
import type { TenantTurns } from './tenant-turns.ts';

/** Bytes that may wait while a write is under way; beyond it the sender must wait. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How often a write is tried that cannot get a lock. */
const ATTEMPTS = 3;

/** What an upload needs of its process. */
export interface UploadContext {
  pool: Pool;
  copyPool: Pool;
  queue: Queue;
  turns: TenantTurns;
  owner(): Promise<number>;
  keep(batchId: string): void;
  release(batchId: string): void;
  discard(batchId: string): Promise<boolean>;
}

interface Part {
  chunks: readonly NewChunk[];
  onStored(): void;
}

/** A part whose chunks are encoded while others are written. */
interface WaitingPart {
  encoding: Promise<EncodedChunk[]>;
  onStored(): void;
}

/**
 * One request that is stored while it is being sent, in short transactions, so that none waits for its
 * sender. Its chunks belong to no batch until the last transaction, so they are invisible. Only the last
 * transaction waits for the disk; its record in the log comes after all earlier ones. If the server failed in
 * between, some chunks could be missing: therefore the last transaction counts them.
 */
export class Upload {
  readonly #context: UploadContext;
  readonly #tenant: string;
  readonly #idempotencyKey: string | undefined;
  #batchId = '';
  /** The first write has succeeded. */
  #isBegun = false;
  /** The batch that an earlier request stored under the same key: then nothing is written. */
  #existing: StoredBatch | undefined;
  readonly #written: ChunkSummary[] = [];
  #waiting: WaitingPart[] = [];
  #waitingBytes = 0;
  /** Runs while parts wait. */
  #writing: Promise<void> | undefined;
  /** The current write. */
  #write: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(context: UploadContext, tenant: string, idempotencyKey: string | undefined) {
    this.#context = context;
    this.#tenant = tenant;
    this.#idempotencyKey = idempotencyKey;
  }

  /** Throws the error of a write that was not awaited. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Resolves when there is room for more. The first call resolves when its chunks are stored, so that a busy
   * key is reported at once.
   */
  async add(part: Part): Promise<void> {
    this.check();
    const encoding = Promise.all(part.chunks.map(encodeChunk));
    encoding.catch(() => {}); // thrown when it is written
    this.#waiting.push({ encoding, onStored: part.onStored });
    this.#waitingBytes += part.chunks.reduce((bytes, chunk) => bytes + chunk.bytes, 0);
    this.#writing ??= this.#writeAll();
    while (this.#isFull()) await this.#write.catch(() => {}); // thrown by check
    this.check();
  }

  #isFull(): boolean {
    return this.#writing !== undefined && (!this.#isBegun || this.#waitingBytes > MAX_WAITING_BYTES);
  }

  /** Stores the batch with its last chunk and makes it visible. Throws `idempotencyMismatch`. */
  async commit(batch: BatchToStore, lastClosed: NewChunk | null): Promise<Stored> {
    const last = lastClosed && (await encodeChunk(lastClosed));
    await this.#writing;
    this.check();
    if (this.#existing)
      return { asyncId: asyncIdOf(this.#existing, batch.idempotency), isNew: false, ended: null };
    const chunks = last ? [...this.#written, summaryOf(last)] : this.#written;
    let ended: Stored['ended'] = null;
    try {
      await this.#transaction(async (client) => {
        await this.#hold(deleteUpload(client, this.#batchId));
        if (last) await copyChunks(client, this.#batchId, [last]);
        await this.#hold(countChunks(client, this.#batchId).then((count) => count === chunks.length));
        const stored = [{ batchId: this.#batchId, batch, chunks }];
        ended = (await storeBatches(this.#context.queue, client, stored)).get(this.#batchId) ?? null;
      });
    } catch (error) {
      // The connection may have been lost after the commit.
      if (error instanceof BatchwrightError || !(await this.abandon())) throw error;
    }
    this.#context.release(this.#batchId);
    return { asyncId: toAsyncId(this.#batchId), isNew: true, ended };
  }

  /** Deletes what was stored. True when the whole batch is found to be stored: then nothing is deleted. */
  async abandon(): Promise<boolean> {
    this.#waiting = [];
    await this.#writing;
    return this.#batchId !== '' && this.#context.discard(this.#batchId);
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const parts = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        this.#write = this.#store(parts);
        await this.#write;
        for (const { onStored } of parts) onStored();
      }
    } catch (error) {
      this.#failure = error as Error;
    }
    this.#writing = undefined;
  }

  async #store(parts: readonly WaitingPart[]): Promise<void> {
    const chunks = (await Promise.all(parts.map(({ encoding }) => encoding))).flat();
    if (this.#existing) return;
    const owner = this.#isBegun ? 0 : await this.#context.owner();
    await this.#transaction(
      async (client) => {
        if (this.#isBegun) await this.#hold(holdUpload(client, this.#batchId));
        else await this.#begin(client, owner);
        if (!this.#existing) await copyChunks(client, this.#batchId, chunks);
      },
      { isDurable: false },
    );
    this.#isBegun = true;
    this.#written.push(...chunks.map(summaryOf));
  }

  async #begin(client: PoolClient, owner: number): Promise<void> {
    const [tenant, idempotencyKey] = [this.#tenant, this.#idempotencyKey];
    // An earlier attempt was rolled back, its upload included.
    this.#context.release(this.#batchId);
    this.#batchId = '';
    if (idempotencyKey !== undefined)
      this.#existing = await claimIdempotencyKey(client, tenant, idempotencyKey);
    if (this.#existing) return;
    const [batchId = ''] = await newBatchIds(client, 1);
    this.#batchId = batchId;
    this.#context.keep(batchId);
    await insertUpload(client, { batchId, owner, tenant, idempotencyKey });
  }

  /** Throws when it is false: another process considered this one dead, or the server has lost writes. */
  async #hold(held: Promise<boolean>): Promise<void> {
    if (!(await held)) throw new BatchwrightError('notSaved', { retryAfter: 1 });
  }

  #transaction(
    work: (client: PoolClient) => Promise<void>,
    options: { isDurable?: boolean } = {},
  ): Promise<void> {
    const { copyPool, turns } = this.#context;
    return turns.take(this.#tenant, () => transaction(copyPool, work, { attempts: ATTEMPTS, ...options }));
  }
}
