/** The caller of a request: by a session token or a connect token, bare in `Authorization` or after `Bearer`. */
import { type AuthenticationTools, NonRetryableError, type RouteCaller } from 'batchwright/plugin';
import type { Request } from 'express';
import { callerWith, permissionsOfKey } from './permissions.ts';
import { sessionSecret } from './session-secret.ts';
import { readSession } from './session-token.ts';

const BEARER = /^Bearer +/i;

/** Requests that were sent with a session token. */
const inSession = new WeakSet<Request>();

/** Throws 401 for a token that is missing, unknown, expired or revoked. */
export async function authenticate(request: Request, tools: AuthenticationTools): Promise<RouteCaller> {
  const token = (request.headers.authorization ?? '').replace(BEARER, '').trim();
  if (token === '') throw refused('Authorization has no token');
  const session = await readSession(await sessionSecret(tools.sql), token);
  if (session === 'expired') throw refused('The session token has expired');
  if (session) {
    const { tenant, keyId, permissions } = session;
    if (!(await tools.isValidKey(keyId)))
      throw refused('The connect token of this session token was revoked or has expired');
    inSession.add(request);
    return callerWith(tenant, keyId, permissions);
  }
  const key = await tools.findKey(token);
  if (!key) throw refused('The token is not valid');
  return callerWith(key.tenant, key.keyId, permissionsOfKey(key.permissions));
}

/** Throws 401 for a request with a session token: it must not make the next one, or it would never expire. */
export function requireConnectToken(request: Request): void {
  if (inSession.has(request)) throw refused('A session token is made with a connect token');
}

function refused(message: string): NonRetryableError {
  return new NonRetryableError(message, { errorCode: 401 });
}
