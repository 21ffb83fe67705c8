/** The signature of the IWS scheme: a function of the request's head and the key's secret. */
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface SignedHead {
  method: string;
  /** Path and query, as they were sent. */
  target: string;
  headers: IncomingHttpHeaders;
}

const IVVY_DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
/** As RFC 9110 has it; documents of the scheme write UTC for GMT, and a comma after the month. */
const DATE = /^[a-z]{3}, \d\d? [a-z]{3},? \d{4} \d\d:\d\d:\d\d (gmt|utc)$/i;

/** Nothing stands between the parts, a header that is missing is empty, and everything is lower-cased. */
export function stringToSign({ method, target, headers }: SignedHead): string {
  const ivvy = ivvyHeaders(headers);
  const parts = [
    method,
    headers['content-md5'],
    headers['content-type'],
    ivvy.has('ivvydate') ? '' : headers.date,
    target,
    headers['x-api-version'],
    [...ivvy].map(([name, value]) => `${name}=${value}`).join('&'),
  ];
  return parts.join('').toLowerCase();
}

/** HMAC-SHA1 of the string to sign. */
export function iwsSignature(secret: string, text: string): Buffer {
  return createHmac('sha1', secret).update(text).digest();
}

/** When the request says it was made, in milliseconds; NaN when it does not, or not in the form it must have. */
export function dateOf(headers: IncomingHttpHeaders): number {
  const ivvyDate = ivvyHeaders(headers).get('ivvydate');
  if (ivvyDate !== undefined)
    return IVVY_DATE.test(ivvyDate) ? Date.parse(`${ivvyDate.replace(' ', 'T')}Z`) : Number.NaN;
  const { date = '' } = headers;
  return DATE.test(date) ? Date.parse(date) : Number.NaN;
}

/** All that begin with IVVY, by their names without dashes and underscores, in the order of these. */
function ivvyHeaders(headers: IncomingHttpHeaders): Map<string, string> {
  const found = Object.entries(headers)
    .map(([name, value]): [string, string] => [name.replaceAll(/[-_]/g, ''), String(value)])
    .filter(([name]) => name.startsWith('ivvy'));
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
