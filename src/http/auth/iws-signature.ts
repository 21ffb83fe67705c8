/** The signature of the IWS scheme, computed from the request's head and the key's secret. */
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from '../../domain/http-date.ts';

export interface SignedHead {
  method: string;
  /** Path and query as they were sent. */
  target: string;
  headers: IncomingHttpHeaders;
}

/**
 * The version that clients sign when they do not send X-Api-Version, like iVvy's .NET client. It is also the
 * version of `/api/1.0/`.
 */
const API_VERSION = '1.0';
/** iVvy's timestamp format ends with UTC; some clients leave that out. */
const TIMESTAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)( utc)?$/i;
/**
 * The date of RFC 9110, and variants in documents of the scheme: UTC for GMT, and a comma after the month.
 */
const DATE = /^[a-z]{3}, \d\d? [a-z]{3},? \d{4} \d\d:\d\d:\d\d (gmt|utc)$/i;
/** The scheme and the host of a request target in absolute form. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/**
 * The texts that the client may have signed. The parts are joined without a separator, a missing header is
 * empty, and everything is in lower case. Without X-Api-Version there are two texts: some clients sign the
 * version anyway.
 */
export function stringsToSign({ method, target, headers }: SignedHead): string[] {
  const ivvy = ivvyHeaders(headers);
  const sentVersion = headers['x-api-version'];
  const versions = sentVersion === undefined ? [API_VERSION, ''] : [String(sentVersion)];
  return versions.map((version) =>
    [
      method,
      headers['content-md5'],
      headers['content-type'],
      ivvy.has('ivvydate') ? '' : headers.date,
      target.replace(ORIGIN, ''),
      version,
      [...ivvy].map(([name, value]) => `${name}=${value}`).join('&'),
    ]
      .join('')
      .toLowerCase(),
  );
}

/** HMAC-SHA1 of the string to sign. */
export function iwsSignature(secret: string, text: string): Buffer {
  return createHmac('sha1', secret).update(text).digest();
}

/** The request's own date, in ms; NaN when it is missing or malformed. */
export function dateOf(headers: IncomingHttpHeaders): number {
  const ivvyDate = ivvyHeaders(headers).get('ivvydate');
  if (ivvyDate !== undefined) return parseTimestamp(ivvyDate);
  const { date = '' } = headers;
  if (TIMESTAMP.test(date)) return parseTimestamp(date);
  return DATE.test(date) ? Date.parse(date) : (parseHttpDate(date, Date.now()) ?? Number.NaN);
}

function parseTimestamp(text: string): number {
  const [, day, time] = TIMESTAMP.exec(text) ?? [];
  return Date.parse(`${day}T${time}Z`);
}

/** All headers that begin with IVVY, sorted by name without dashes and underscores. */
function ivvyHeaders(headers: IncomingHttpHeaders): Map<string, string> {
  const found = Object.entries(headers)
    .map(([name, value]): [string, string] => [name.replaceAll(/[-_]/g, ''), String(value)])
    .filter(([name]) => name.startsWith('ivvy'));
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
