/** One attempt to send a callback: reads the body, signs it, posts it. In constant memory, whatever its size. */
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { toAsyncId } from '../../domain/batch.ts';
import type { AllowList } from '../../outbound/address-guard.ts';
import { OutboundError } from '../../outbound/outbound-error.ts';
import { type PostTimeouts, postStream } from '../../outbound/post.ts';
import { beginSignature } from '../../outbound/signature.ts';
import type { Log } from '../../plugin/context.ts';
import { isDatabaseUnavailable } from '../../postgres/errors.ts';
import type { BatchRow } from '../../store/batches.ts';
import type { CallbackBatch } from '../../store/deliveries.ts';
import type { CallbackBodies, CallbackBody } from './callback-body.ts';

export interface SendCallbackDeps {
  log: Log;
  bodies: CallbackBodies;
  allow: AllowList;
  /** How host names are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
  callbackSecret(tenant: string): Promise<string>;
  /** Aborted when the process must stop: the attempt is given up, uncounted. */
  stopping: AbortSignal;
  /** What a receiver is given; `postStream`'s defaults when absent. */
  timeouts?: Partial<PostTimeouts>;
}

/** What one attempt came to. */
export interface Attempt {
  /** Null when there was no answer. */
  status: number | null;
  /** Why it failed, in a few words that callers may see; null when it did not. */
  error: string | null;
  retryAfterSeconds: number | null;
  durationMs: number;
}

/**
 * Sends the batch's callback to `url`. What the receiver or the way to it did is an Attempt; throws when the database
 * is away or the process must stop, for then it was no attempt.
 */
export async function sendCallback(
  deps: SendCallbackDeps,
  batch: CallbackBatch,
  url: string,
): Promise<Attempt> {
  const secret = await deps.callbackSecret(batch.tenant);
  const id = webhookId(batch);
  let body: CallbackBody | undefined;
  let startedAt = performance.now();
  const attempt = (part: Partial<Attempt>): Attempt => ({
    status: null,
    error: null,
    retryAfterSeconds: null,
    durationMs: Math.round(performance.now() - startedAt),
    ...part,
  });
  try {
    const beginHmac = (signingTime: number) => beginSignature(secret, id, signingTime);
    const answer = await deps.bodies.withBody(batch, beginHmac, (signed) => {
      body = signed;
      startedAt = performance.now();
      const { allow, lookup, stopping: signal, timeouts } = deps;
      const { contentLength, content } = signed;
      const headers = headersOf(id, signed);
      return postStream({ url, contentLength, body: content, headers, allow, lookup, signal, timeouts });
    });
    const success = answer.status >= 200 && answer.status < 300;
    return attempt({
      status: answer.status,
      error: success ? null : `the receiver answered ${answer.status}`,
      retryAfterSeconds: answer.retryAfterSeconds,
    });
  } catch (error) {
    // Uncounted: the attempt is repeated by whoever takes the message next. Only reading the body asks the
    // database: a receiver that cannot be reached fails with the same codes.
    const unreadable = body ? readError(body) : error;
    if (deps.stopping.aborted || isDatabaseUnavailable(unreadable)) throw error;
    const reason = unreadable ?? error;
    if (reason instanceof OutboundError) return attempt({ error: reason.message });
    deps.log.warn({ err: reason, asyncId: toAsyncId(batch.id) }, 'callback not delivered');
    return attempt({ error: 'the request failed' });
  }
}

/** The same for every attempt of one completion. */
function webhookId(batch: BatchRow): string {
  return `msg_${toAsyncId(batch.id)}_${batch.generation}`;
}

function headersOf(id: string, { signingTime, signature }: CallbackBody): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'Batchwright',
    'webhook-id': id,
    'webhook-timestamp': String(signingTime),
    'webhook-signature': signature,
  };
}

function readError({ content }: CallbackBody): Error | null {
  return content instanceof Readable ? content.errored : null;
}
