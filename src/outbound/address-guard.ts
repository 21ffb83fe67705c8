import net, { type LookupFunction } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TEXT_FORMATS } from '../domain/text.ts';
import { specialKind } from './address-kind.ts';
import { type AllowList, canonicalName, namesAddress, namesHost } from './allow-list.ts';
import { hostNameFault } from './host-name.ts';
import { systemLookup } from './name-lookup.ts';

export { type AllowList, LOOPBACK_ALLOW, parseAllowList } from './allow-list.ts';

/** An address to which requests may not be sent. The message is for the caller who gave it. */
export class ForbiddenAddressError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ForbiddenAddressError';
  }
}

/** Why a request to `host` may not reach the IP address, as a message for callers, or null if it may. */
export type AddressRule = (host: string, address: string, port: number) => string | null;

/**
 * The rule for callbacks: public addresses, those that the allow list names, and all addresses of a host name
 * that the list names.
 */
export function publicOrNamed(allow: AllowList): AddressRule {
  const known = publicRules.get(allow);
  if (known) return known;
  const rule: AddressRule = (host, address, port) =>
    namesHost(allow, host, port) || namesAddress(allow, address, port) ? null : refuseSpecial(host, address);
  publicRules.set(allow, rule);
  return rule;
}

/** One rule per list, so that agents made for a rule can be reused. */
const publicRules = new WeakMap<AllowList, AddressRule>();

/**
 * Why an address that no allow list names is refused. The text gives the kind of address, never the address.
 */
export function refuseSpecial(host: string, address: string): string | null {
  const kind = specialKind(address);
  return kind && `${host} ${host === address ? 'is' : 'resolves to'} ${kind}`;
}

/**
 * Checks a callback URL itself, when a batch is taken: scheme, user info, host name, port, literal addresses
 * in every notation. Throws ForbiddenAddressError with a message for the caller.
 */
export function checkUrl(url: string, allow: AllowList): URL {
  return checkTarget(url, allow, publicOrNamed(allow));
}

/** `checkUrl` under another rule. */
export function checkTarget(text: string, allow: AllowList, rule: AddressRule): URL {
  // Parsing drops line breaks, and replaces half of a surrogate pair.
  if (!TEXT_FORMATS['one-line'].allows(text))
    throw new ForbiddenAddressError(`a URL ${TEXT_FORMATS['one-line'].rule}`);
  const url = URL.parse(text);
  if (url === null && /^\s*https?:/i.test(text)) {
    throw new ForbiddenAddressError('the host or port of the URL is not valid');
  }
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new ForbiddenAddressError('only http and https URLs are allowed');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ForbiddenAddressError('user info in a URL is not allowed');
  }
  const { host, port } = hostAndPort(url);
  const address = knownAddress(host);
  if (address !== null) enforce(rule, host, address, port);
  const fault = net.isIP(host) === 0 ? hostNameFault(host) : null;
  if (fault !== null) throw new ForbiddenAddressError(`the host name ${fault}`);
  const named = namesHost(allow, host, port) || (address !== null && namesAddress(allow, address, port));
  if (!named && port !== 80 && port !== 443 && port <= 1024) {
    throw new ForbiddenAddressError(`port ${port} is not allowed: only 80, 443 and those above 1024`);
  }
  return url;
}

/**
 * Resolves a callback URL's host name and checks its addresses, when a batch is taken. A name that cannot be
 * resolved, or not within two seconds, is accepted: the check at the connection decides. Throws
 * ForbiddenAddressError.
 */
export async function resolveCheck(
  url: URL,
  allow: AllowList,
  {
    lookup = systemLookup,
    timeoutMs = 2000,
  }: { lookup?: LookupFunction | undefined; timeoutMs?: number } = {},
): Promise<void> {
  const { host, port } = hostAndPort(url);
  if (net.isIP(host) !== 0 || namesHost(allow, host, port)) return;
  const timer = new AbortController();
  const inTime = delay(timeoutMs, [], { signal: timer.signal }).catch(() => []);
  const addresses = await Promise.race([resolveAll(host, lookup), inTime]);
  timer.abort();
  for (const address of addresses) enforce(publicOrNamed(allow), host, address, port);
}

/** The host in the form for sockets, IPv6 without brackets, and the port with the scheme's default. */
export function hostAndPort(url: URL): { host: string; port: number } {
  const port = url.port === '' ? { 'http:': 80, 'https:': 443 }[url.protocol] : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: port ?? 0 };
}

function enforce(rule: AddressRule, host: string, address: string, port: number): void {
  const refusal = rule(host, address, port);
  if (refusal !== null) throw new ForbiddenAddressError(refusal);
}

/** The address of a host that needs no lookup: a literal address, or a loopback name (RFC 6761). */
function knownAddress(host: string): string | null {
  if (net.isIP(host) !== 0) return host;
  return /(^|\.)localhost$/.test(canonicalName(host)) ? '127.0.0.1' : null;
}

function resolveAll(host: string, lookup: LookupFunction): Promise<string[]> {
  return new Promise((resolve) => {
    lookup(host, { all: true }, (error, addresses) => {
      resolve(error || typeof addresses === 'string' ? [] : addresses.map(({ address }) => address));
    });
  });
}
