/** The request of an action, checked and in the form that is sent. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import net from 'node:net';
import { textRule } from '../domain/text.ts';
import type { OutboundRequest } from '../plugin/context.ts';
import { NonRetryableError } from '../plugin/errors.ts';
import {
  type AddressRule,
  type AllowList,
  checkTarget,
  ForbiddenAddressError,
  hostAndPort,
  refuseSpecial,
} from './address-guard.ts';
import { namesAddress, namesHost } from './allow-list.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];

const WITHOUT_BODY: ReadonlySet<Method> = new Set(['GET', 'HEAD']);
/** RFC 9110, 9.2.2: sending these twice may do twice as much, without a key that shows the repeat. */
const NOT_IDEMPOTENT: ReadonlySet<Method> = new Set(['POST', 'PATCH']);

/**
 * Headers that frame the message or belong to the connection: actions cannot set them. Nor `__proto__`, which Node
 * and its clients lose.
 */
const REFUSED_HEADERS = new Set([
  '__proto__',
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

export interface CheckedRequest {
  url: URL;
  method: Method;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Absent for GET and HEAD. */
  body?: string;
  /** True when the receiver may get it twice. */
  isRepeatable: boolean;
}

/** The rule of HTTP_ALLOW for addresses; see `createHttpService`. */
export function namedBy(allow: AllowList): AddressRule {
  return (host, address, port) => {
    if (namesAddress(allow, address, port)) return null;
    if (!namesHost(allow, host, port)) return notNamed(host);
    return host.includes('.') ? refuseSpecial(host, address) : null;
  };
}

function notNamed(host: string): string {
  return `${host} is not among the hosts that HTTP_ALLOW names`;
}

/** Throws NonRetryableError. */
export function checkRequest(request: OutboundRequest, allow: AllowList, rule: AddressRule): CheckedRequest {
  const url = checkedUrl(request, allow, rule);
  const body = bodyOf(request);
  const method = methodOf(request.method ?? (body === undefined ? 'GET' : 'POST'));
  const headers = headersOf(request, method);
  const isRepeatable = !NOT_IDEMPOTENT.has(method) || 'idempotency-key' in headers;
  if (!WITHOUT_BODY.has(method)) return { url, method, headers, body: body ?? '', isRepeatable };
  if (body) throw refused(`a ${method} request has no body`);
  return { url, method, headers, isRepeatable };
}

/** The action's own mistake. */
function refused(message: string, cause?: unknown): NonRetryableError {
  return new NonRetryableError(message, { errorCode: 400, cause });
}

function checkedUrl({ url: text, query = {} }: OutboundRequest, allow: AllowList, rule: AddressRule): URL {
  let url: URL;
  try {
    url = checkTarget(text, allow, rule);
    const { host, port } = hostAndPort(url);
    // Only if the list has addresses can a lookup still show that a name is allowed.
    const mayResolveToNamed = net.isIP(host) !== 0 || allow.ranges.length > 0;
    if (!namesHost(allow, host, port) && !mayResolveToNamed) throw new ForbiddenAddressError(notNamed(host));
  } catch (error) {
    throw error instanceof ForbiddenAddressError ? new NonRetryableError(error.message) : error;
  }
  const added = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => `${escaped(name)}=${escaped(String(one))}`),
  );
  if (added.length > 0) url.search = [url.search.slice(1), ...added].filter((part) => part !== '').join('&');
  return url;
}

/** `%20` and not `+` for a space: every server understands it. */
function escaped(text: string): string {
  if (!text.isWellFormed()) throw refused(`the query ${textRule('well-formed')}`);
  return encodeURIComponent(text);
}

function bodyOf({ body, json }: OutboundRequest): string | undefined {
  if (json === undefined) {
    if (body?.isWellFormed() === false) throw refused(`the body ${textRule('well-formed')}`);
    return body;
  }
  if (body !== undefined) throw refused('a request has either body or json, not both');
  return JSON.stringify(json);
}

function methodOf(text: string): Method {
  const method = METHODS.find((known) => known === text.toUpperCase());
  if (!method) throw refused(`the method must be one of ${METHODS.join(', ')}`);
  return method;
}

function headersOf(
  { headers = {}, json, as, idempotencyKey }: OutboundRequest,
  method: Method,
): Record<string, string> {
  const sent: Record<string, string> = {};
  if (json !== undefined) sent['content-type'] = 'application/json';
  if (as === 'json') sent.accept = 'application/json';
  if (idempotencyKey !== undefined && NOT_IDEMPOTENT.has(method)) sent['idempotency-key'] = idempotencyKey;
  for (const [name, value] of Object.entries(headers)) {
    checkHeader(name, value);
    sent[name.toLowerCase()] = value;
  }
  return sent;
}

function checkHeader(name: string, value: string): void {
  if (REFUSED_HEADERS.has(name.toLowerCase()) || name.toLowerCase().startsWith('proxy-')) {
    throw refused(`the header ${name} cannot be set`);
  }
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (cause) {
    throw refused(`the header ${JSON.stringify(name)} is not valid`, cause);
  }
}
