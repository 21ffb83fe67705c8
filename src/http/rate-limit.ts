/** How often a key, or an address, may ask. */
import { isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { BatchwrightError } from '../domain/errors.ts';
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

/** So many requests a minute for each of `whom`; throws `tooManyRequests` with Retry-After. 0 is no limit. */
export function limitRate(perMinute: number, whom: (request: Request) => string): RequestHandler {
  if (perMinute === 0) return (_request, _response, next) => next();
  return rateLimit({
    windowMs: 60_000,
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
