/** Requests as a client of the IWS scheme makes them, written from the scheme's own description. */
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Answer, System } from './system.ts';

/** The part of an answer to `POST /v1/keys` that a signing client needs. */
export interface SigningKey {
  id: string;
  key: string;
  secret: string;
}

export interface Signable {
  method?: string;
  path: string;
  body?: string | Buffer;
  /**
   * Replacements for the usual headers before they are signed, and further ones; undefined leaves one out.
   */
  headers?: Record<string, string | undefined>;
}

/** The time this many seconds from now, in the format of IVVY-Date. */
export function ivvyDate(seconds = 0): string {
  return new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * Creates a signing key, of the default tenant with the permissions `test.*` unless `wanted` says otherwise.
 */
export async function makeSigningKey(
  { request }: Pick<System, 'request'>,
  wanted: object = {},
): Promise<SigningKey> {
  const body = JSON.stringify({ name: 'signs', permissions: ['test.*'], signing: 'IWS', ...wanted });
  const answer = await request('/v1/keys', { method: 'POST', body });
  if (answer.status !== 201) throw new Error(`/v1/keys answered ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** The headers of a signed request. */
export function sign(
  { key, secret }: SigningKey,
  { method = 'POST', path, body = '', headers = {} }: Signable,
): Record<string, string> {
  const all: Record<string, string | undefined> = {
    'Content-MD5': body.length > 0 ? createHash('md5').update(body).digest('hex') : undefined,
    'Content-Type': 'application/json',
    'X-Api-Version': '1.0',
    'IVVY-Date': ivvyDate(),
    ...headers,
  };
  const ivvy = Object.keys(all)
    .filter((name) => name.toUpperCase().startsWith('IVVY') && all[name] !== undefined)
    .map((name) => `${name.replaceAll('-', '').replaceAll('_', '')}=${all[name]}`.toLowerCase())
    .sort();
  const date = all['IVVY-Date'] === undefined ? (all.Date ?? '') : '';
  const signed =
    method +
    (all['Content-MD5'] ?? '') +
    (all['Content-Type'] ?? '') +
    date +
    path +
    (all['X-Api-Version'] ?? '') +
    ivvy.join('&');
  const signature = createHmac('sha1', secret).update(signed.toLowerCase()).digest('hex');
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(sent), 'X-Api-Authorization': `IWS ${key}:${signature}` };
}

/** Signs and sends. */
export function sendSigned(url: string, key: SigningKey, request: Signable): Promise<Answer> {
  return send(url, request, sign(key, request));
}

/** Sends only these headers; one with several values is sent several times. */
export async function send(
  url: string,
  { method = 'POST', path, body = '' }: Omit<Signable, 'headers'>,
  headers: Record<string, string | string[]>,
): Promise<Answer> {
  const isChunked = headers['Transfer-Encoding'] !== undefined || body.length === 0;
  const length = isChunked ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const request = http.request(`${url}${path}`, { method, headers: { ...length, ...headers }, agent: false });
  request.on('response', resolve).on('error', reject).end(body);
  const response = await promise;
  const answer = await text(response);
  const isJson = response.headers['content-type']?.includes('json');
  return {
    status: response.statusCode ?? 0,
    headers: new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
    body: isJson ? JSON.parse(answer) : answer,
  };
}
