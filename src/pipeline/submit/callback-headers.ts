import { validateHeaderName, validateHeaderValue } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';

const MAX_HEADERS = 16;
const MAX_BYTES = 8 * 1024;
/** Those of the connection, of the body and of the signature are ours. */
const OURS =
  /^(host|user-agent|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|webhook-.*)$/i;

/** Throws `badRequest` (400) for headers that a callback must not carry, and for too many or too long ones. */
export function checkCallbackHeaders(headers: Readonly<Record<string, string>>): void {
  const entries = Object.entries(headers);
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  if (entries.length > MAX_HEADERS || bytes > MAX_BYTES)
    throw refused(`at most ${MAX_HEADERS} headers of ${MAX_BYTES} bytes in all are possible`);
  for (const [name, value] of entries) {
    if (OURS.test(name)) throw refused(`${name} cannot be set`);
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      throw refused((error as Error).message);
    }
  }
}

function refused(reason: string): BatchwrightError {
  return new BatchwrightError('badRequest', { message: `The headers of the callback are wrong: ${reason}` });
}
