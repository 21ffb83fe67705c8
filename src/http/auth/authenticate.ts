/** Identifies the caller of a request. */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { KeyUse } from '../../access/key-use.ts';
import type { Keys } from '../../access/keys.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import { NonRetryableError } from '../../plugin/errors.ts';
import { setCaller } from './callers.ts';
import type { EndedKeys } from './ended-keys.ts';
import type { FailedAuthentication } from './failed-authentication.ts';
import { callerBySignature } from './iws.ts';

const BEARER = /^Bearer +/i;

/**
 * Accepts `Authorization: Bearer <key>` or a signature; a signed request is checked by its signature only.
 * Throws `unauthorized` (401) for a missing or wrong key, and for a wrong signature. If the key ends during
 * the response, the response ends too.
 */
export function authenticate(
  keys: Keys,
  keyUse: KeyUse,
  failed: FailedAuthentication,
  endedKeys: EndedKeys,
): RequestHandler[] {
  return [
    authenticateBy(failed, keyUse, (request) => {
      const isSigned = request.headers['x-api-authorization'] !== undefined;
      return isSigned ? callerBySignature(keys, request) : callerByKey(keys, request);
    }),
    endedKeys.watch,
  ];
}

/**
 * Accepts the caller that `find` returns. Throws `unauthorized` (401) for null, and `tooManyRequests` after
 * too many of these.
 */
export function authenticateBy(
  failed: FailedAuthentication,
  keyUse: KeyUse,
  find: (request: Request) => Caller | null | Promise<Caller | null>,
): RequestHandler {
  return async (request: Request, _response: Response, next: NextFunction) => {
    failed.check(request);
    try {
      const caller = await find(request);
      if (!caller) throw new BatchwrightError('unauthorized');
      setCaller(request, caller);
      keyUse.note(caller.keyId);
    } catch (error) {
      if (isRefusal(error)) failed.noteFailure(request);
      throw error;
    }
    failed.noteSuccess(request);
    next();
  };
}

/** A plugin's own check may also refuse by throwing an error. */
function isRefusal(error: unknown): boolean {
  if (error instanceof BatchwrightError) return error.body.errorCode === 401;
  return error instanceof NonRetryableError && error.options.errorCode === 401;
}

async function callerByKey(keys: Keys, { headers }: Request): Promise<Caller | null> {
  const { authorization = '' } = headers;
  // Everything after it is the key: ADMIN_KEY may contain spaces.
  const key = BEARER.test(authorization) ? authorization.replace(BEARER, '').trimEnd() : '';
  return key ? keys.authenticate(key) : null;
}
