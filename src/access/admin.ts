import { BatchwrightError } from '../contract/errors.ts';
import { type Caller, isAdmin } from '../domain/caller.ts';

/** Throws `forbidden` (403) for a caller without the permission `admin`. */
export function requireAdmin(caller: Caller): void {
  if (!isAdmin(caller)) throw new BatchwrightError('forbidden', { details: ['the key lacks admin'] });
}
