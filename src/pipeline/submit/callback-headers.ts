import { validateHeaderName, validateHeaderValue } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';

const MAX_HEADERS = 16;
const MAX_BYTES = 8 * 1024;
/** Those of the connection, of the body, of the trace and of the signature are ours. */
const OURS =
  /^(host|user-agent|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|webhook-.*|traceparent|tracestate)$/i;

/** Describes the first header that a callback must not carry, or that there are too many; null when all are right. */
export function wrongCallbackHeaders(headers: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(headers);
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  if (entries.length > MAX_HEADERS || bytes > MAX_BYTES)
    return `: at most ${MAX_HEADERS} headers of ${MAX_BYTES} bytes in all are possible`;
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    if (OURS.test(name)) return `: ${name} cannot be set`;
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      return `: ${(error as Error).message}`;
    }
    if (seen.has(name.toLowerCase())) return `: ${name} is there twice`;
    seen.add(name.toLowerCase());
  }
  return null;
}

/** Throws `badRequest` (400) for headers that a callback must not carry, and for too many or too long ones. */
export function checkCallbackHeaders(headers: Readonly<Record<string, string>>): void {
  const wrong = wrongCallbackHeaders(headers);
  if (wrong !== null)
    throw new BatchwrightError('badRequest', { message: `The headers of the callback are wrong${wrong}` });
}
