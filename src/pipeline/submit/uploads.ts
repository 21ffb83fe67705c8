import type { Pool } from 'pg';
import type { Log } from '../../domain/log.ts';
import type { Queue } from '../../queue/queue.ts';
import { renewUploads } from '../../store/uploads.ts';
import { discardUpload } from './discard-upload.ts';
import type { ProcessLock } from './process-lock.ts';
import { TenantTurns } from './tenant-turns.ts';
import { Upload } from './upload.ts';

/** Several times within the period after which an upload counts as abandoned. */
const RENEW_MS = 5_000;

export interface UploadDeps {
  pool: Pool;
  /** For COPY. A connection is held as long as the database needs it, never while a sender is awaited. */
  copyPool: Pool;
  queue: Queue;
  processLock: ProcessLock;
  log: Log;
}

/** The requests that this process stores while they are being sent. */
export class Uploads {
  readonly pool: Pool;
  readonly copyPool: Pool;
  readonly queue: Queue;
  /** Shares the connections of `copyPool` between the tenants. */
  readonly turns: TenantTurns;
  readonly #processLock: ProcessLock;
  readonly #log: Log;
  readonly #open = new Set<string>();
  /** Uploads that could not be deleted because the database was away. */
  readonly #toDiscard = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ pool, copyPool, queue, processLock, log }: UploadDeps) {
    this.pool = pool;
    this.copyPool = copyPool;
    this.queue = queue;
    this.turns = new TenantTurns(copyPool.options.max ?? 1);
    this.#processLock = processLock;
    this.#log = log;
  }

  begin(tenant: string, idempotencyKey: string | undefined): Upload {
    return new Upload(this, tenant, idempotencyKey);
  }

  /** The number of this process; from now on its lock shows that the process is alive. */
  async owner(): Promise<number> {
    await this.#processLock.hold();
    return this.#processLock.owner;
  }

  /** Keeps renewing the upload, so that it does not count as abandoned. */
  keep(batchId: string): void {
    this.#open.add(batchId);
    this.#timer ??= setInterval(() => void this.#look(), RENEW_MS).unref();
  }

  /** The upload has ended. */
  release(batchId: string): void {
    this.#open.delete(batchId);
  }

  /**
   * Deletes what the upload has stored, later if the database is away. True when its batch is found to be
   * stored: then nothing is deleted.
   */
  async discard(batchId: string): Promise<boolean> {
    this.release(batchId);
    try {
      return await discardUpload(this.pool, batchId);
    } catch {
      this.#toDiscard.add(batchId);
      return false;
    }
  }

  /** Call it when no more requests are being read. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#processLock.close();
  }

  async #look(): Promise<void> {
    if (this.#open.size + this.#toDiscard.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    try {
      await this.#processLock.hold();
      await renewUploads(this.pool, [...this.#open]);
      for (const batchId of this.#toDiscard) {
        await discardUpload(this.pool, batchId);
        this.#toDiscard.delete(batchId);
      }
    } catch (error) {
      // The next renewal is still early enough.
      this.#log.warn({ err: error }, 'uploads could not be renewed');
    }
  }
}
