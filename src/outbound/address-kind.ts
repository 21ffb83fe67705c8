import ipaddr from 'ipaddr.js';

const KINDS: Record<string, string> = {
  unspecified: 'an unspecified address',
  broadcast: 'a broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'a carrier-grade NAT address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a private address',
  ipv4Mapped: 'an IPv4-mapped address',
  rfc6145: 'an IPv4-translated address',
  rfc6052: 'a NAT64 address',
  '6to4': 'a 6to4 address',
  teredo: 'a Teredo address',
};

const RESERVED = 'a reserved address';

/** A public address that a cloud (Azure) uses for an internal service of each machine. */
const CLOUD_PLATFORM_ADDRESS = '168.63.129.16';

/**
 * Why an IP address is not public, as a phrase (`a loopback address`); null for a public one. Throws on text
 * that is not an IP address.
 */
export function specialKind(address: string): string | null {
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== 'unicast') return KINDS[range] ?? RESERVED;
  if (parsed instanceof ipaddr.IPv6) return isGlobalUnicast(parsed) ? null : RESERVED;
  return parsed.toString() === CLOUD_PLATFORM_ADDRESS ? RESERVED : null;
}

/**
 * ipaddr.js calls every address outside its special ranges `unicast`. Only 2000::/3 is assigned to the
 * internet (RFC 4291); outside it are IPv4-compatible `::a.b.c.d` and unused ranges. Inside it, ISATAP
 * interface ids (RFC 5214) embed an IPv4 address behind any prefix.
 */
function isGlobalUnicast(address: ipaddr.IPv6): boolean {
  const [first = 0, , , , flags = 0, isatap] = address.parts;
  return first >> 13 === 0b001 && !((flags & ~0x200) === 0 && isatap === 0x5efe);
}
