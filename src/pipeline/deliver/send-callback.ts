/**
 * One attempt to send a callback: reads the body, signs it, posts it. Uses constant memory for a body of any
 * size.
 */
import type { LookupFunction } from 'node:net';
import { toAsyncId } from '../../domain/batch.ts';
import type { AllowList } from '../../outbound/address-guard.ts';
import { OutboundError } from '../../outbound/outbound-error.ts';
import { type PostTimeouts, postStream, UnreadableBodyError } from '../../outbound/post.ts';
import { Signature } from '../../outbound/signature.ts';
import type { Log } from '../../plugin/context.ts';
import { isDatabaseUnavailable } from '../../postgres/errors.ts';
import type { BatchRow } from '../../store/batches.ts';
import { traceHeaders } from '../../telemetry/operations.ts';
import type { CallbackBodies, CallbackBody, CallbackSource } from './callback-body.ts';

export interface SendCallbackDeps {
  log: Log;
  bodies: CallbackBodies;
  allow: AllowList;
  /** How host names are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
  /** The secrets that sign, the newest first. */
  signingSecrets(tenant: string): Promise<readonly string[]>;
  /** The further headers of a callback. Throws when SECRET_KEY does not decrypt them. */
  decryptCallbackHeaders(encrypted: Buffer, tenant: string): Readonly<Record<string, string>>;
  /** Aborted when the process must stop: the attempt is given up and not counted. */
  stopping: AbortSignal;
  /** Time limits for the receiver; `postStream`'s defaults when absent. */
  timeouts?: Partial<PostTimeouts>;
}

/** The result of one attempt. */
export interface Attempt {
  /** Null when the receiver did not answer. */
  status: number | null;
  /** Why the attempt failed, in a few words that callers may see; null on success. */
  error: string | null;
  retryAfterSeconds: number | null;
  durationMs: number;
}

/**
 * Sends the batch's callback to `url`. Failures of the receiver or the network are returned as an Attempt.
 * Throws when the database is away or the process must stop, because that does not count as an attempt.
 */
export async function sendCallback(
  deps: SendCallbackDeps,
  batch: CallbackSource,
  url: string,
): Promise<Attempt> {
  const secrets = await deps.signingSecrets(batch.tenant);
  const id = webhookId(batch);
  const trace = traceHeaders();
  let startedAt = performance.now();
  const attempt = (part: Partial<Attempt>): Attempt => ({
    status: null,
    error: null,
    retryAfterSeconds: null,
    durationMs: Math.round(performance.now() - startedAt),
    ...part,
  });
  try {
    const further = furtherHeaders(deps, batch);
    const beginSignature = (signingTime: number) => new Signature(secrets, id, signingTime);
    const answer = await deps.bodies.withBody(batch, beginSignature, (signed) => {
      startedAt = performance.now();
      const { allow, lookup, stopping: signal, timeouts } = deps;
      const { contentLength, content } = signed;
      const headers = { ...trace, ...further, ...headersOf(id, signed) };
      return postStream({ url, contentLength, body: content, headers, allow, lookup, signal, timeouts });
    });
    return attempt({
      status: answer.status,
      error: refusalOf(answer.status),
      retryAfterSeconds: answer.retryAfterSeconds,
    });
  } catch (error) {
    const reason = error instanceof UnreadableBodyError ? error.cause : error;
    const isOfReceiver = reason instanceof OutboundError;
    // Not counted: the lane that takes the message next repeats the attempt. Only reading the body uses the
    // database; an unreachable receiver fails with the same codes.
    if (deps.stopping.aborted || (!isOfReceiver && isDatabaseUnavailable(reason))) throw error;
    if (isOfReceiver) return attempt({ error: reason.message });
    deps.log.warn({ err: reason, asyncId: toAsyncId(batch.id) }, 'callback not delivered');
    return attempt({ error: 'the request failed' });
  }
}

function furtherHeaders(
  { decryptCallbackHeaders }: SendCallbackDeps,
  { callbackHeaders, tenant }: CallbackSource,
): Readonly<Record<string, string>> {
  if (!callbackHeaders) return {};
  try {
    return decryptCallbackHeaders(callbackHeaders, tenant);
  } catch (error) {
    throw new OutboundError(`the headers of the callback cannot be read: ${(error as Error).message}`);
  }
}

/** The same for every attempt of one completion. */
function webhookId(batch: BatchRow): string {
  return `msg_${toAsyncId(batch.id)}_${batch.generation}`;
}

/** Why an answer is no success; null when it is one. */
export function refusalOf(status: number): string | null {
  return status >= 200 && status < 300 ? null : `the receiver answered ${status}`;
}

export function headersOf(
  id: string,
  { signingTime, signature }: Pick<CallbackBody, 'signingTime' | 'signature'>,
): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'Batchwright',
    'webhook-id': id,
    'webhook-timestamp': String(signingTime),
    'webhook-signature': signature,
  };
}
