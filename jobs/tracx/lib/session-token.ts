/**
 * Session tokens: JWTs, signed with HS256, of an hour. Claims: `tenant`, `sub` (the id of the connect token's key),
 * `permissions` (Tracx's names), `iss`, `aud`, `iat` and `exp`.
 */
import type { KeyObject } from 'node:crypto';
import { PERMISSION_NAMES, type PermissionName } from './permissions.ts';

/** The rights of a session token. */
export interface Session {
  tenant: string;
  keyId: string;
  permissions: PermissionName[];
}

/** Loaded for the first token: it is many files, and most servers never make one. */
const loadJose = () => import('jose');

const LIFETIME_SECONDS = 3600;
const ALGORITHM = 'HS256';
const ISSUER = 'batchwright';
const AUDIENCE = 'connect';
/** The compact form of a signed JWT. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Signs a token for the session; `expires_at` is in seconds since 1970.
 *
 * @param now in milliseconds since 1970
 */
export async function signSession(
  secret: KeyObject,
  { tenant, keyId, permissions }: Session,
  now = Date.now(),
): Promise<{ token: string; expires_at: number }> {
  const { SignJWT } = await loadJose();
  const issuedAt = Math.floor(now / 1000);
  const expires_at = issuedAt + LIFETIME_SECONDS;
  const token = await new SignJWT({ tenant, permissions })
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .setSubject(keyId)
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expires_at)
    .sign(secret);
  return { token, expires_at };
}

/** The session of a token; `expired` for one whose time is over, null for a text that is no token of ours. */
export async function readSession(secret: KeyObject, token: string): Promise<Session | 'expired' | null> {
  if (!JWT.test(token)) return null;
  const { errors, jwtVerify } = await loadJose();
  try {
    const { payload } = await jwtVerify<{ tenant: string; permissions: string[] }>(token, secret, {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ['exp', 'sub', 'tenant', 'permissions'],
    });
    const { sub = '', tenant, permissions } = payload;
    return { tenant, keyId: sub, permissions: PERMISSION_NAMES.filter((name) => permissions.includes(name)) };
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'expired';
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
