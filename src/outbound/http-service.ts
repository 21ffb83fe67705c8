import type { LookupFunction } from 'node:net';
import type { OutboundRequest, OutboundResponse, Services } from '../plugin/context.ts';
import { NonRetryableError, RetryLaterError } from '../plugin/errors.ts';
import { requestSent, traceHeaders } from '../telemetry/operations.ts';
import { type AddressRule, type AllowList, ForbiddenAddressError } from './address-guard.ts';
import { openExchange, overKeptConnection } from './exchange.ts';
import { readAnswer } from './http-answer.ts';
import { type CheckedRequest, checkRequest, namedBy } from './http-request.ts';
import { isOutOfTime, OutboundError } from './outbound-error.ts';

const DEFAULT_TIMEOUT_SECONDS = 60;
/** For the look-up, the connection and the TLS handshake, each. */
const CONNECT_MS = 5_000;

interface HttpServiceOptions {
  allow: AllowList;
  /** How host names are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
}

/**
 * The `http` service of actions: requests to hosts that HTTP_ALLOW names, and to no others.
 *
 * - A URL is allowed when the list names its host, or an address that the host resolves to.
 * - A name with a dot is in the public DNS, and its owner could point it to an internal address. So it may
 *   resolve only to public addresses, unless the list names the address too.
 * - A name without a dot (`localhost`, a service of the same compose file) belongs to the operator and may
 *   resolve to any address.
 *
 * Redirects are not followed. A connection is used again by requests that may arrive twice, because the
 * receiver may just be closing it: by all but POST and PATCH without an `Idempotency-Key`.
 */
export function createHttpService({ allow, lookup }: HttpServiceOptions): Services['http'] {
  const rule = namedBy(allow);
  return async (request) => {
    const checked = checkRequest(request, allow, rule);
    const totalMs = 1000 * (request.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS);
    const endsAt = performance.now() + totalMs;
    const send = (keepsConnections: boolean) => {
      const leftMs = Math.max(1, endsAt - performance.now());
      return requestSent.run(checked, () =>
        sendOnce(request, checked, { rule, lookup, keepsConnections, leftMs }),
      );
    };
    try {
      return await (checked.isRepeatable ? overKeptConnection(send) : send(false));
    } catch (error) {
      throw request.signal?.aborted ? error : asActionError(error, checked.url.hostname);
    }
  };
}

interface SendOptions {
  rule: AddressRule;
  lookup: LookupFunction | undefined;
  keepsConnections: boolean;
  /** The time left for all of it. */
  leftMs: number;
}

async function sendOnce(
  request: OutboundRequest,
  { url, method, headers, body }: CheckedRequest,
  { rule, lookup, keepsConnections, leftMs }: SendOptions,
): Promise<OutboundResponse> {
  const exchange = await openExchange(url, {
    method,
    headers: { ...traceHeaders(), ...headers },
    ...(body === undefined ? {} : { body }),
    decompress: true,
    rule,
    keepsConnections,
    lookup,
    timeouts: { connectMs: CONNECT_MS, idleMs: leftMs, totalMs: leftMs },
    signal: request.signal,
  });
  try {
    return await readAnswer(exchange, url.hostname, request);
  } finally {
    exchange.close();
  }
}

/** Another run cannot reach a forbidden address either; a broken connection may be whole the next time. */
function asActionError(error: unknown, host: string): unknown {
  if (!(error instanceof OutboundError)) return error;
  if (error.cause instanceof ForbiddenAddressError) return new NonRetryableError(error.cause.message);
  const errorCode = isOutOfTime(error) ? 504 : 502;
  return new RetryLaterError(`${host}: ${error.message}`, 0, { errorCode, cause: error });
}
