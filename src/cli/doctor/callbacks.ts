/** Where callbacks may go. */
import type { Config } from '../../config/config.ts';
import { checkUrl, ForbiddenAddressError, resolveCheck } from '../../outbound/address-guard.ts';
import { type Finding, ok, wrong } from './finding.ts';

/** @param url an address that is meant to be called back */
export async function checkCallbacks({ callbackAllow }: Config, url: string | undefined): Promise<Finding> {
  const { hosts, ranges } = callbackAllow;
  if (url === undefined) {
    const more = hosts.length + ranges.length;
    const text =
      more === 0
        ? 'only public addresses may be called'
        : `public addresses may be called, and the ${more} entries of CALLBACK_ALLOW`;
    return ok('callbacks', `${text}; doctor --callback URL checks one`);
  }
  try {
    await resolveCheck(checkUrl(url, callbackAllow), callbackAllow);
    return ok('callbacks', `${url} may be called`);
  } catch (error) {
    if (!(error instanceof ForbiddenAddressError)) throw error;
    return wrong('callbacks', `${url} may not be called: ${error.message}`);
  }
}
