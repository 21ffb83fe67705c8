import { BatchwrightError } from '../domain/errors.ts';
import { type AllowList, checkUrl, ForbiddenAddressError, resolveCheck } from '../outbound/address-guard.ts';

const MAX_URL_LENGTH = 2048;

/** The check of a batch's callbackUrl when it is taken; the one at the connection decides. */
export function createCallbackUrlCheck(allow: AllowList): (url: unknown) => Promise<string> {
  return async (url) => {
    if (typeof url !== 'string') throw refused('must be a string');
    if (url.length > MAX_URL_LENGTH) throw refused(`must have at most ${MAX_URL_LENGTH} characters`);
    try {
      const parsed = checkUrl(url, allow);
      await resolveCheck(parsed, allow);
      return parsed.href;
    } catch (error) {
      if (error instanceof ForbiddenAddressError) throw refused(`is not allowed: ${error.message}`);
      throw error;
    }
  };
}

function refused(why: string): BatchwrightError {
  return new BatchwrightError('notJson', { message: `callbackUrl ${why}` });
}
