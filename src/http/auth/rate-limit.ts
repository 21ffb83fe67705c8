/** Limits how many requests a key, or an address, may send. */
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
 * The address that a request came from, for requests without a key, whose other data may be invented. For
 * IPv6 it is the network, because a client usually has all of its addresses.
 */
export function byAddress(request: Request): string {
  const { ip = '', socket } = request;
  // A trusted proxy may have passed on any text.
  return ipKeyGenerator(isIP(ip) ? ip : (socket.remoteAddress ?? ''));
}

const WINDOW_MS = 60_000;
/** Maximum number of keys or addresses; the one that was idle longest is forgotten and starts again. */
const MAX_REMEMBERED = 10_000;

/**
 * Allows this many requests per minute for each of `whom`; throws `tooManyRequests` with Retry-After. 0 means
 * no limit.
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

/**
 * The library's own store keeps every client of the last two minutes, and an attacker can use any number of
 * addresses.
 */
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
