import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { Caller } from '../domain/caller.ts';
import { BatchwrightError } from '../domain/errors.ts';
import type { Keys } from '../pipeline/keys.ts';
import { callerBySignature } from './iws.ts';

/** Who sends a request, once it has been found out. */
const callers = new WeakMap<Request, Caller>();

/** Throws `unauthorized` when no caller was found out: a route behind no authentication asks for one. */
export function callerOf(request: Request): Caller {
  const caller = callers.get(request);
  if (!caller) throw new BatchwrightError('unauthorized');
  return caller;
}

export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

const BEARER = /^Bearer +/i;

/**
 * `Authorization: Bearer <key>`, or a signature: a request that has one is taken by nothing else. Throws
 * `unauthorized` (401) for a missing or wrong key, and what a signature may lack.
 */
export function authenticate(keys: Keys): RequestHandler {
  return async (request: Request, _response: Response, next: NextFunction) => {
    const isSigned = request.headers['x-api-authorization'] !== undefined;
    const caller = await (isSigned ? callerBySignature(keys, request) : callerByKey(keys, request));
    if (!caller) throw new BatchwrightError('unauthorized');
    setCaller(request, caller);
    next();
  };
}

async function callerByKey(keys: Keys, { headers }: Request): Promise<Caller | null> {
  const { authorization = '' } = headers;
  // All that follows is the key: ADMIN_KEY is any string, one with spaces too.
  const key = BEARER.test(authorization) ? authorization.replace(BEARER, '').trimEnd() : '';
  return key ? keys.authenticate(key) : null;
}

/** The key that a request was made with. */
export function byKey(request: Request): string {
  const { tenant, keyId } = callerOf(request);
  return `${tenant} ${keyId}`;
}

/** The address that a request came from, for those who have no key: what they name may be made up. */
export function byAddress(request: Request): string {
  return ipKeyGenerator(request.ip ?? '');
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
