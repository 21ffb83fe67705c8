import net from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import { hostNameFault } from './host-name.ts';

interface AllowedHost {
  name: string;
  /** The only port of the entry; null for all. */
  port: number | null;
}

interface AllowedRange {
  range: [ipaddr.IPv4 | ipaddr.IPv6, number];
  port: number | null;
}

/** The parsed value of CALLBACK_ALLOW or HTTP_ALLOW. */
export interface AllowList {
  readonly hosts: readonly AllowedHost[];
  readonly ranges: readonly AllowedRange[];
}

/** An allow list for this machine only, under all its names. */
export const LOOPBACK_ALLOW = 'localhost,127.0.0.0/8,::1';

/**
 * Reads a comma separated list of host names (`example.test`, matched exactly), IP addresses
 * (`10.0.0.5`, `::1`), each with a port or without (`example.test:8080`, `[::1]:8080`), and CIDRs
 * (`10.0.0.0/8`). Throws an Error of one line that names the wrong entry.
 */
export function parseAllowList(text: string): AllowList {
  const hosts: AllowedHost[] = [];
  const ranges: AllowedRange[] = [];
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const parsed = parseRange(entry) ?? parseHost(entry);
    if (parsed === null) throw new Error(`"${entry}" is not a host, host:port, IP address or CIDR`);
    if ('range' in parsed) ranges.push(parsed);
    else hosts.push(parsed);
  }
  return Object.freeze({ hosts: Object.freeze(hosts), ranges: Object.freeze(ranges) });
}

/** True when the list names this host, by name, for this port. */
export function namesHost(allow: AllowList, host: string, port: number): boolean {
  const name = canonicalName(host);
  return allow.hosts.some((entry) => entry.name === name && isPortOf(entry, port));
}

/** True when the list names this IP address, itself or by a CIDR, for this port. */
export function namesAddress(allow: AllowList, address: string, port: number): boolean {
  const parsed = ipaddr.parse(address);
  return allow.ranges.some(
    (entry) => parsed.kind() === entry.range[0].kind() && parsed.match(entry.range) && isPortOf(entry, port),
  );
}

/** A host name in the form for comparison: lower case, without the dot that marks the root. */
export function canonicalName(host: string): string {
  return host.toLowerCase().replace(/\.+$/, '');
}

function isPortOf(entry: { port: number | null }, port: number): boolean {
  return entry.port === null || entry.port === port;
}

/** An IP address, with or without a port, or a CIDR; null for anything else. */
function parseRange(entry: string): AllowedRange | null {
  const [network = '', prefix] = entry.split('/', 2);
  if (prefix !== undefined) {
    // ipaddr.js reads `10/8` as 0.0.0.10/8: only full addresses are accepted.
    const isCidr = net.isIP(network) !== 0 && ipaddr.isValidCIDR(entry);
    return isCidr ? { range: ipaddr.parseCIDR(entry), port: null } : null;
  }
  if (net.isIP(entry) !== 0) return { range: singleAddress(entry), port: null };
  const { host, port } = splitPort(entry);
  const address = host.replace(/^\[(.*)\]$/, '$1');
  const isLiteral = host === address ? net.isIPv4(address) : net.isIPv6(address);
  return isLiteral && isValidPort(port) ? { range: singleAddress(address), port } : null;
}

function singleAddress(address: string): AllowedRange['range'] {
  const parsed = ipaddr.parse(address);
  return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
}

function parseHost(entry: string): AllowedHost | null {
  const { host, port } = splitPort(entry);
  // domainToASCII cuts the host at a slash, and turns `0x7f.1` into an address, which is never compared with
  // a name.
  const name = /^[\p{L}\p{M}\p{N}_.-]+$/u.test(host) ? domainToASCII(host).toLowerCase() : '';
  const isName =
    /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/.test(name) &&
    net.isIP(name) === 0 &&
    hostNameFault(name) === null;
  return isName && isValidPort(port) ? { name: canonicalName(name), port } : null;
}

function splitPort(entry: string): { host: string; port: number | null } {
  const match = /^(.*):(\d{1,5})$/.exec(entry);
  return match ? { host: match[1] ?? '', port: Number(match[2]) } : { host: entry, port: null };
}

function isValidPort(port: number | null): boolean {
  return port === null || (port >= 1 && port <= 65_535);
}
