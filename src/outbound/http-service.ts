import { type IncomingHttpHeaders, validateHeaderName, validateHeaderValue } from 'node:http';
import net, { type LookupFunction } from 'node:net';
import { textRule } from '../domain/text.ts';
import type { OutboundRequest, OutboundResponse, Services } from '../plugin/context.ts';
import { NonRetryableError, RetryLaterError } from '../plugin/errors.ts';
import {
  type AddressRule,
  type AllowList,
  checkTarget,
  ForbiddenAddressError,
  hostAndPort,
  refuseSpecial,
} from './address-guard.ts';
import { namesAddress, namesHost } from './allow-list.ts';
import { type Exchange, openExchange, type Timeouts } from './exchange.ts';
import { OutboundError } from './outbound-error.ts';
import { retryAfterSeconds } from './retry-after.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const MAX_ANSWER_BYTES = 900 * 1024;

/** Headers that frame the message or belong to the connection: actions cannot set them. */
const REFUSED_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

interface HttpServiceOptions {
  allow: AllowList;
  timeouts?: Partial<Timeouts>;
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
 * Redirects and other statuses are returned unchanged. Throws RetryLaterError for 429 and 5xx with a
 * `Retry-After`, NonRetryableError for errors that another run cannot fix (a host not allowed, a wrong method
 * or header, an answer over 900 KiB), and a plain Error otherwise.
 */
export function createHttpService({ allow, timeouts, lookup }: HttpServiceOptions): Services['http'] {
  const rule = named(allow);
  return async (request) => {
    const url = checkedUrl(request.url, allow, rule);
    const exchange = await openExchange(url, {
      ...checkedMessage(request),
      decompress: true,
      rule,
      lookup,
      timeouts,
      signal: request.signal,
    });
    try {
      return await respond(exchange, url.hostname);
    } catch (error) {
      throw asActionError(error);
    } finally {
      exchange.close();
    }
  };
}

function named(allow: AllowList): AddressRule {
  return (host, address, port) => {
    if (namesAddress(allow, address, port)) return null;
    if (!namesHost(allow, host, port)) return notNamed(host);
    return host.includes('.') ? refuseSpecial(host, address) : null;
  };
}

function notNamed(host: string): string {
  return `${host} is not among the hosts that HTTP_ALLOW names`;
}

function checkedUrl(text: string, allow: AllowList, rule: AddressRule): URL {
  try {
    const url = checkTarget(text, allow, rule);
    const { host, port } = hostAndPort(url);
    // Only if the list has addresses can a lookup still show that a name is allowed.
    const mayResolveToNamed = net.isIP(host) !== 0 || allow.ranges.length > 0;
    if (!namesHost(allow, host, port) && !mayResolveToNamed) throw new ForbiddenAddressError(notNamed(host));
    return url;
  } catch (error) {
    throw asActionError(error);
  }
}

/** Method, headers and body, checked. Throws NonRetryableError. */
function checkedMessage({ method, headers = {}, body }: OutboundRequest) {
  const verb = METHODS.find((known) => known === method.toUpperCase());
  if (!verb) throw new NonRetryableError(`the method must be one of ${METHODS.join(', ')}`);
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
  if (body !== undefined && !body.isWellFormed())
    throw new NonRetryableError(`the body ${textRule('well-formed')}`, { errorCode: 400 });
  if (verb !== 'GET' && verb !== 'HEAD') return { method: verb, headers, body: body ?? '' };
  if (body) throw new NonRetryableError(`a ${verb} request has no body`);
  return { method: verb, headers };
}

function checkHeader(name: string, value: string): void {
  if (REFUSED_HEADERS.has(name.toLowerCase()) || name.toLowerCase().startsWith('proxy-')) {
    throw new NonRetryableError(`the header ${name} cannot be set`);
  }
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (cause) {
    throw new NonRetryableError(`the header ${JSON.stringify(name)} is not valid`, { cause });
  }
}

async function respond(exchange: Exchange, host: string): Promise<OutboundResponse> {
  const { statusCode, headers } = await exchange.answer;
  if (statusCode === 429 || statusCode >= 500) throw refusedForNow(host, statusCode, headers);
  return { status: statusCode, headers: flatten(headers), body: await readText(exchange, host) };
}

function refusedForNow(host: string, status: number, headers: IncomingHttpHeaders): Error {
  const message = `${host} answered ${status}`;
  const delaySeconds = retryAfterSeconds(headers);
  return delaySeconds === null ? new OutboundError(message) : new RetryLaterError(message, delaySeconds);
}

function flatten(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, [value].flat().join(', ')]));
}

async function readText(exchange: Exchange, host: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of exchange.stream) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw exchange.toError(error);
  }
  if (bytes > MAX_ANSWER_BYTES) throw new NonRetryableError(`the answer of ${host} is larger than 900 KiB`);
  return Buffer.concat(chunks).toString('utf8');
}

/** Another run cannot reach a forbidden address either. */
function asActionError(error: unknown): unknown {
  const cause = error instanceof OutboundError ? error.cause : error;
  return cause instanceof ForbiddenAddressError ? new NonRetryableError(cause.message) : error;
}
