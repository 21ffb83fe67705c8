/** A callback that is sent once, to see whether a receiver works. */
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import { FairShare } from '../../domain/fair-share.ts';
import { OutboundError } from '../../outbound/outbound-error.ts';
import { type PostAnswer, postStream } from '../../outbound/post.ts';
import { Signature } from '../../outbound/signature.ts';
import { transaction } from '../../postgres/transaction.ts';
import { insertAudit } from '../../store/audit.ts';
import { signingTimeNow } from '../../store/deliveries.ts';
import { endedCounts } from '../read/status.ts';
import { headersOf, refusalOf, type SendCallbackDeps } from './send-callback.ts';

/** Sent at once by a process: a slow receiver holds one for up to a minute. A single tenant gets half of them. */
const PLACES = 8;
/** Of the receiver's answer. */
const EXCERPT_BYTES = 1024;

/** The body: that of a batch without jobs, and the mark of a test. */
const BODY = Buffer.from(
  JSON.stringify({
    test: true,
    asyncId: '0'.repeat(32),
    state: 'completed',
    counts: endedCounts({ total: 0, succeeded: 0, failed: 0, cancelled: 0, skipped: 0 }),
    results: [],
  }),
);

export interface TestedCallback {
  /** The `webhook-id`. */
  id: string;
  /** Null when the receiver did not answer. */
  status: number | null;
  durationMs: number;
  /** Why a callback to it would fail, in a few words; null when it would be delivered. */
  error: string | null;
  /** The beginning of the receiver's answer; null when it did not answer. */
  excerpt: string | null;
}

export interface TestCallback {
  /** As `checkCallbackUrl` returned it. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Aborted when the caller has gone. */
  signal: AbortSignal;
}

export interface TestCallbackDeps extends Pick<SendCallbackDeps, 'allow' | 'lookup' | 'signingSecrets'> {
  pool: Pool;
}

export class TestCallbacks {
  readonly #deps: TestCallbackDeps;
  readonly #places = new FairShare(PLACES);

  constructor(deps: TestCallbackDeps) {
    this.#deps = deps;
  }

  /** Sends one, and notes it in the audit. Throws `tooManyRequests` while too many are under way. */
  async send(caller: Caller, test: TestCallback): Promise<TestedCallback> {
    if (!this.#places.take(caller.tenant))
      throw new BatchwrightError('tooManyRequests', {
        message: 'Too many test callbacks are under way',
        retryAfter: 1,
      });
    try {
      const tested = await this.#send(caller.tenant, test);
      await this.#note(caller, test.url, tested);
      return tested;
    } finally {
      this.#places.give(caller.tenant);
    }
  }

  async #send(tenant: string, { url, headers, signal }: TestCallback): Promise<TestedCallback> {
    const { pool, allow, lookup } = this.#deps;
    const secrets = await this.#deps.signingSecrets(tenant);
    const signingTime = await signingTimeNow(pool);
    const id = `msg_test_${randomBytes(8).toString('hex')}`;
    const signature = new Signature(secrets, id, signingTime).update(BODY).header();
    const startedAt = performance.now();
    const tested = (answer: Pick<PostAnswer, 'status' | 'excerpt'> | null, error: string | null) => ({
      id,
      status: answer?.status ?? null,
      durationMs: Math.round(performance.now() - startedAt),
      error,
      excerpt: answer?.excerpt ?? null,
    });
    try {
      const answer = await postStream({
        url,
        headers: { ...headers, ...headersOf(id, { signingTime, signature }) },
        contentLength: BODY.length,
        body: BODY,
        allow,
        lookup,
        signal,
        excerptBytes: EXCERPT_BYTES,
      });
      return tested(answer, refusalOf(answer.status));
    } catch (error) {
      if (!(error instanceof OutboundError) && !signal.aborted) throw error;
      return tested(null, (error as Error).message);
    }
  }

  /** The query of an address may have secrets. */
  #note(caller: Caller, url: string, { status }: TestedCallback): Promise<void> {
    const { tenant } = caller;
    const entry = {
      tenant,
      event: 'callback.tested',
      target: new URL(url).origin,
      details: { status },
    } as const;
    return transaction(this.#deps.pool, (client) => insertAudit(client, caller, entry));
  }
}
