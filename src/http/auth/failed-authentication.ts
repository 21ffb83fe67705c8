/** Blocks clients that guess keys, by address, before a key is looked up. */
import { hash } from 'node:crypto';
import type { Request } from 'express';
import { LRUCache } from 'lru-cache';
import { BatchwrightError } from '../../contract/errors.ts';
import { keyOfSignature } from './iws.ts';
import { byAddress } from './rate-limit.ts';

/** Failures per address and minute. Up to this number, a client with a wrong key gets a 401. */
const MAX_FAILURES = 100;
const WINDOW_MS = 60_000;
/** Maximum number of addresses, and of keys that worked; the least recently used is forgotten. */
const MAX_REMEMBERED = 10_000;
const REMEMBERED_MS = 60 * 60_000;

export interface FailedAuthentication {
  /**
   * Throws `tooManyRequests` (429, with Retry-After) for an address with too many failures. A key that has
   * worked from this address within the hour is accepted, so that one client behind a proxy cannot lock out
   * the others.
   */
  check(request: Request): void;
  noteFailure(request: Request): void;
  noteSuccess(request: Request): void;
}

export function createFailedAuthentication(): FailedAuthentication {
  const failures = new LRUCache<string, number>({ max: MAX_REMEMBERED, ttl: WINDOW_MS, noUpdateTTL: true });
  const worked = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: REMEMBERED_MS });
  return {
    check(request) {
      const address = byAddress(request);
      if ((failures.get(address) ?? 0) < MAX_FAILURES || worked.has(nameOf(request))) return;
      throw new BatchwrightError('tooManyRequests', {
        message: 'Too many requests from this address had a missing or wrong key',
        retryAfter: Math.max(1, Math.ceil(failures.getRemainingTTL(address) / 1000)),
      });
    },
    noteFailure(request) {
      const address = byAddress(request);
      failures.set(address, (failures.get(address) ?? 0) + 1);
    },
    noteSuccess: (request) => void worked.set(nameOf(request), true),
  };
}

/** A hash of the request's credentials and address, so that no key is stored readable. */
function nameOf(request: Request): string {
  const { authorization, 'x-api-authorization': signature } = request.headers;
  // A plugin may check its own header: then all its callers at the address count as one.
  const credential = signature === undefined ? (authorization ?? request.baseUrl) : keyOfSignature(signature);
  return hash('sha256', `${byAddress(request)} ${credential}`, 'base64');
}
