import type { LookupFunction } from 'node:net';
import { BatchwrightError } from '../../contract/errors.ts';
import { FairShare } from '../../domain/fair-share.ts';
import {
  type AllowList,
  checkUrl,
  ForbiddenAddressError,
  resolveCheck,
} from '../../outbound/address-guard.ts';

const MAX_URL_LENGTH = 2048;
/** URL checks that may wait for a DNS server at the same time. */
const LOOKUPS = 64;

/**
 * The check of a batch's callbackUrl when the batch is taken. The check at the connection decides. Therefore
 * a tenant that already has its share of DNS look-ups under way, probably of dead names, skips the look-up.
 */
export function createCallbackUrlCheck(
  allow: AllowList,
  lookup?: LookupFunction,
): (url: unknown, tenant: string, member?: string) => Promise<string> {
  const lookups = new FairShare(LOOKUPS);
  async function checkName(url: URL, tenant: string): Promise<void> {
    if (!lookups.take(tenant)) return;
    try {
      await resolveCheck(url, allow, { lookup });
    } finally {
      lookups.give(tenant);
    }
  }
  return async (url, tenant, member = 'callbackUrl') => {
    const refused = (why: string) => new BatchwrightError('invalidRequest', { message: `${member} ${why}` });
    if (typeof url !== 'string') throw refused('must be a string');
    if (url.length > MAX_URL_LENGTH) throw refused(`must have at most ${MAX_URL_LENGTH} characters`);
    try {
      const parsed = checkUrl(url, allow);
      await checkName(parsed, tenant);
      return parsed.href;
    } catch (error) {
      if (error instanceof ForbiddenAddressError) throw refused(`is not allowed: ${error.message}`);
      throw error;
    }
  };
}
