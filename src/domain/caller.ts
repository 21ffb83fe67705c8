/**
 * The caller of a request: found by its API key, passed to every pipeline function, and the scope of every
 * query.
 */
export interface Caller {
  tenant: string;
  /** The key's id; `admin` for the admin key. */
  keyId: string;
  /** Patterns of `namespace.action` (`a.b`, `a.*`, `*`) and `admin`. */
  permissions: readonly string[];
}

/** The tenant of the admin key. */
export const DEFAULT_TENANT = 'default';

/** True when one of the patterns covers the permission. `*` covers every action, but not `admin`. */
export function mayRun(caller: Caller, permission: string): boolean {
  return caller.permissions.some((pattern) => covers(pattern, permission));
}

export function isAdmin(caller: Caller): boolean {
  return caller.permissions.includes('admin');
}

/** True for whoever runs the server: an administrator of its own tenant. */
export function isOperator(caller: Caller): boolean {
  return isAdmin(caller) && caller.tenant === DEFAULT_TENANT;
}

/** True when `pattern` allows everything that `other` (a permission or a narrower pattern) allows. */
export function covers(pattern: string, other: string): boolean {
  if (pattern === other) return true;
  if (other === 'admin' || pattern === 'admin') return false;
  if (pattern === '*') return true;
  return pattern.endsWith('.*') && other.startsWith(pattern.slice(0, -1));
}

const ADMIN_KEY = /^[!-~][ -~]{18,}[!-~]$/;

/**
 * 20 printable ASCII characters or more, without a blank at either end: other keys cannot be sent unchanged
 * in a header.
 */
export function isAdminKey(key: string): boolean {
  return ADMIN_KEY.test(key);
}
