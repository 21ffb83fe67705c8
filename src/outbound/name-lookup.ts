/**
 * Resolves host names without the threads of `dns.lookup`. A process has four of them, two of which look up
 * names, and a name whose DNS server does not answer blocks one for half a minute: a few dozen such names
 * would block all look-ups. Here a look-up is a socket, has a time limit, and is shared by all requests for
 * the same name. The hosts file comes first, then the DNS servers of resolv.conf. Other sources of
 * nsswitch.conf are not used.
 */
import { Resolver } from 'node:dns/promises';
import net, { type LookupFunction } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { canonicalName } from './allow-list.ts';
import { HostsFile } from './hosts-file.ts';
import { namesToAsk } from './search-list.ts';

/** Time limit of a look-up: a little less than a request allows for it. */
const TOTAL_MS = 4_500;
/** Time limit for a server's answer, doubled in the second round. */
const SERVER_MS = 1_200;
const ATTEMPTS = 2;
/** How long to wait for the other address family after the first has answered: RFC 8305 recommends 50. */
const OTHER_FAMILY_MS = 200;
/**
 * Maximum number of concurrent look-ups. More are refused: each is a socket, and only hundreds of dead names
 * reach this limit.
 */
const MAX_UNDER_WAY = 256;
/**
 * An answer is cached as long as its DNS server says, but not longer than this; a failure for a few seconds.
 */
const MAX_KEPT_MS = 60_000;
const FAILURE_KEPT_MS = 5_000;
const MAX_KEPT = 1_000;

/** Maximum number of addresses per name: an answer may have thousands. */
const MAX_ADDRESSES = 32;

/** RFC 6761, 6.3: names of this machine, even if the DNS says otherwise. */
const LOOPBACK = ['127.0.0.1', '::1'];

export interface NameLookupOptions {
  /** As `address:port`; the servers of resolv.conf when absent. */
  servers?: readonly string[];
  hostsFile?: string;
  resolvConf?: string;
}

interface Kept {
  untilMs: number;
  /** The addresses, or an error with the code ENOTFOUND or EAI_AGAIN. */
  outcome: string[] | Error;
}

interface Answer {
  addresses: string[];
  keptMs: number;
}

class Names {
  readonly #options: NameLookupOptions;
  readonly #hosts: HostsFile;
  readonly #underWay = new Map<string, Promise<string[]>>();
  readonly #kept = new Map<string, Kept>();

  constructor(options: NameLookupOptions) {
    this.#options = options;
    this.#hosts = new HostsFile(options.hostsFile);
  }

  async addressesOf(host: string): Promise<string[]> {
    if (net.isIP(host) !== 0) return [host];
    const local = this.#hosts.addressesOf(host);
    if (local.length > 0) return [...local];
    if (/(^|\.)localhost$/.test(canonicalName(host))) return LOOPBACK;
    const key = host.toLowerCase();
    const kept = this.#kept.get(key);
    if (!kept || kept.untilMs <= performance.now()) return this.#underWay.get(key) ?? this.#begin(key);
    if (kept.outcome instanceof Error) throw kept.outcome;
    return kept.outcome;
  }

  #begin(host: string): Promise<string[]> {
    if (this.#underWay.size >= MAX_UNDER_WAY)
      throw notResolved(host, 'EAI_AGAIN', 'too many look-ups under way');
    const asked = this.#ask(host).finally(() => this.#underWay.delete(host));
    this.#underWay.set(host, asked);
    return asked;
  }

  async #ask(host: string): Promise<string[]> {
    try {
      const { addresses, keptMs } = await askServers(host, this.#options);
      this.#keep(host, keptMs, addresses);
      return addresses;
    } catch (error) {
      this.#keep(host, FAILURE_KEPT_MS, error as Error);
      throw error;
    }
  }

  #keep(host: string, keptMs: number, outcome: Kept['outcome']): void {
    this.#kept.delete(host);
    this.#kept.set(host, { untilMs: performance.now() + keptMs, outcome });
    const [oldest = ''] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest);
  }
}

/** A `lookup` for sockets. Its errors have the codes of `dns.lookup`. */
export function createLookup(options: NameLookupOptions = {}): LookupFunction {
  const names = new Names(options);
  return (host, { family = 0, all = false }, callback) => {
    names.addressesOf(host).then(
      (addresses) => {
        const wanted = { IPv4: 4, IPv6: 6 }[String(family)] ?? family;
        const found = addresses
          .map((address) => ({ address, family: net.isIP(address) }))
          .filter((address) => wanted === 0 || address.family === wanted);
        const [first] = found;
        if (!first) process.nextTick(callback, notResolved(host, 'ENOTFOUND'), []);
        else if (all) process.nextTick(callback, null, found);
        else process.nextTick(callback, null, first.address, first.family);
      },
      (error) => process.nextTick(callback, error, []),
    );
  };
}

/** The lookup that this process uses. */
export const systemLookup = createLookup();

/** Tries the names of the search list in turn, until one is known or a server gives no clear answer. */
async function askServers(host: string, { servers, resolvConf }: NameLookupOptions): Promise<Answer> {
  // A new one for each look-up: it can be cancelled alone, and uses the current servers.
  const resolver = new Resolver({ timeout: SERVER_MS, tries: ATTEMPTS });
  if (servers) resolver.setServers(servers);
  const deadline = setTimeout(() => resolver.cancel(), TOTAL_MS);
  try {
    let failure = 'ENOTFOUND';
    for (const name of namesToAsk(host, resolvConf)) {
      const answer = await askFor(name, resolver);
      if (typeof answer !== 'string') return answer;
      if (!IS_UNKNOWN.has(answer)) failure = answer;
      if (!IS_UNKNOWN.has(answer) && answer !== 'ESERVFAIL') break;
    }
    throw notResolved(host, failure === 'ENOTFOUND' ? 'ENOTFOUND' : 'EAI_AGAIN', failure);
  } finally {
    clearTimeout(deadline);
    resolver.cancel();
  }
}

/** A server's codes for a name that does not exist, or has no such address. */
const IS_UNKNOWN = new Set(['ENOTFOUND', 'ENODATA']);

/** The addresses of both families, IPv4 first, or the code of an error. */
async function askFor(name: string, resolver: Resolver): Promise<Answer | string> {
  const found: { address: string; ttl: number }[] = [];
  const failures: string[] = [];
  const asked = [resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })].map(
    async (records) => {
      try {
        found.push(...(await records));
      } catch (error) {
        failures.push((error as NodeJS.ErrnoException).code ?? 'EAI_FAIL');
      }
      if (found.length === 0) throw new Error('none of this family');
    },
  );
  const both = Promise.allSettled(asked);
  await Promise.any(asked).catch(() => {});
  await Promise.race([both, delay(OTHER_FAMILY_MS, undefined, { ref: false })]);
  if (found.length === 0) return failures.find((code) => !IS_UNKNOWN.has(code)) ?? 'ENOTFOUND';
  return {
    addresses: found
      .map(({ address }) => address)
      .sort((a, b) => net.isIP(a) - net.isIP(b))
      .slice(0, MAX_ADDRESSES),
    keptMs: Math.min(MAX_KEPT_MS, 1000 * Math.min(...found.map(({ ttl }) => ttl))),
  };
}

function notResolved(host: string, code: 'ENOTFOUND' | 'EAI_AGAIN', reason: string = code): Error {
  return Object.assign(new Error(`${host} cannot be resolved: ${reason}`), { code, hostname: host });
}
