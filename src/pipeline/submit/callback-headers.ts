import { validateHeaderName } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import { jointBefore, memberPath } from '../../domain/unknown-name.ts';

const MAX_HEADERS = 16;
const MAX_BYTES = 8 * 1024;
/** Those of the connection, of the body, of the trace and of the signature are ours. */
const OURS =
  /^(host|user-agent|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|webhook-.*|traceparent|tracestate)$/i;

/** Node sends the characters from U+0080 to U+00FF in Latin-1, which receivers that read UTF-8 take for something else. */
const VALUE = /^[\t\x20-\x7e]*$/;

/**
 * Describes the first header that a callback must not carry, or that there are too many; null when all are right. The text
 * goes after the name of the object that has the headers.
 */
export function wrongCallbackHeaders(headers: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(headers);
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  if (entries.length > MAX_HEADERS || bytes > MAX_BYTES)
    return `: at most ${MAX_HEADERS} headers of ${MAX_BYTES} bytes in all are possible`;
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    const lowerCase = name.toLowerCase();
    const wrong = wrongHeader(name, value) ?? (seen.has(lowerCase) ? 'is there twice' : null);
    if (wrong !== null) return `${jointBefore(memberPath(name))}${memberPath(name)} ${wrong}`;
    seen.add(lowerCase);
  }
  return null;
}

function wrongHeader(name: string, value: string): string | null {
  if (OURS.test(name)) return 'cannot be set';
  try {
    validateHeaderName(name);
  } catch {
    return "must have a name of letters, digits and !#$%&'*+-.^_`|~";
  }
  return VALUE.test(value) ? null : 'has a value that is not of visible ASCII characters, spaces and tabs';
}

/**
 * Throws `badRequest` (400) for headers that a callback must not carry, and for too many or too long ones.
 *
 * @param place the name of the object that has them
 */
export function checkCallbackHeaders(headers: Readonly<Record<string, string>>, place: string): void {
  const wrong = wrongCallbackHeaders(headers);
  if (wrong !== null) throw new BatchwrightError('badRequest', { message: `${place}${wrong}` });
}
