/** How often a key, or an address, may ask. */
import { isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { type ClientRateLimitInfo, ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import { LRUCache } from 'lru-cache';
import { BatchwrightError } from '../../contract/errors.ts';
import { callerOf } from './callers.ts';

/** The key that a request was made with. */
export function byKey(request: Request): string {
  const { tenant, keyId } = callerOf(request);
  return `${tenant} ${keyId}`;
}

/**
 * The address that a request came from, for those who have no key: what they name may be made up. Of an IPv6
 * address the network, for whoever has one has all of it.
 */
export function byAddress(request: Request): string {
  const { ip = '', socket } = request;
  // What a trusted proxy has passed on may be anything.
  return ipKeyGenerator(isIP(ip) ? ip : (socket.remoteAddress ?? ''));
}

const WINDOW_MS = 60_000;
/** Of keys or addresses: what is beyond the bound and asked the longest ago begins anew. */
const MAX_REMEMBERED = 10_000;

/**
 * So many requests a minute for each of `whom`; throws `tooManyRequests` with Retry-After. 0 is no limit.
 *
 * @param maxRemembered how many of them are known at once
 */
export function limitRate(
  perMinute: number,
  whom: (request: Request) => string,
  maxRemembered = MAX_REMEMBERED,
): RequestHandler {
  if (perMinute === 0) return (_request, _response, next) => next();
  return rateLimit({
    windowMs: WINDOW_MS,
    store: new BoundedStore(maxRemembered),
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: whom,
    handler: (request, _response, next) => {
      const { resetTime } = (request as unknown as { rateLimit: { resetTime?: Date } }).rateLimit;
      const seconds = Math.ceil(((resetTime?.getTime() ?? 0) - Date.now()) / 1000);
      next(new BatchwrightError('tooManyRequests', { retryAfter: Math.max(1, seconds) }));
    },
  });
}

/** The library's own store keeps whoever came within two minutes, and addresses cost an attacker nothing. */
class BoundedStore implements Store {
  readonly localKeys = true;
  readonly #known: LRUCache<string, ClientRateLimitInfo & { resetTime: Date }>;

  constructor(max: number) {
    this.#known = new LRUCache({ max, ttl: WINDOW_MS });
  }

  increment(key: string): ClientRateLimitInfo {
    let client = this.#known.get(key);
    if (!client) {
      client = { totalHits: 0, resetTime: new Date(Date.now() + WINDOW_MS) };
      this.#known.set(key, client);
    }
    client.totalHits++;
    return client;
  }

  decrement(key: string): void {
    const client = this.#known.get(key);
    if (client) client.totalHits--;
  }

  resetKey(key: string): void {
    this.#known.delete(key);
  }
}
