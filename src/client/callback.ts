/**
 * Checks a callback as Standard Webhooks says.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { CallbackError } from './errors.ts';
import type { Callback } from './resources/callback.ts';

/** Those of fetch, of node:http, or any object; names in any case. */
export type CallbackHeaders =
  | Iterable<readonly [string, string]>
  | { readonly [name: string]: string | readonly string[] | undefined };

export interface UnwrapOptions {
  /** How old, or how far in the future, a callback may be. 300 s when absent. */
  toleranceSeconds?: number;
  /** Returns the time in ms since the epoch. */
  now?: () => number;
}

const PREFIX = 'whsec_';
const DEFAULT_TOLERANCE_SECONDS = 300;

/**
 * The body of a genuine callback, parsed. Throws CallbackError, with the reason, for any other, and a TypeError for a
 * parsed body.
 *
 * @param body as it arrived, unparsed: the signature is over its bytes
 * @param secrets one or several: while a secret is being replaced, the new and the old one
 */
export async function unwrapCallback<Body = Callback>(
  body: string | Uint8Array | ArrayBuffer,
  headers: CallbackHeaders,
  secrets: string | readonly string[],
  { toleranceSeconds = DEFAULT_TOLERANCE_SECONDS, now = Date.now }: UnwrapOptions = {},
): Promise<Body> {
  const keys = [secrets].flat().map(keyBytes);
  if (keys.length === 0) throw new TypeError('secrets must have a secret');
  const bytes = bytesOf(body);
  const { id, timestamp, signatures } = signedHeaders(headers);
  checkAge(timestamp, toleranceSeconds, now());
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  if (!(await isSigned(keys, signatures, signed)))
    throw new CallbackError(
      'the signature is wrong: the callback is not genuine, or the secret is another one',
    );
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new CallbackError('the body is not JSON', { cause: error });
  }
}

function bytesOf(body: string | Uint8Array | ArrayBuffer): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  // An ArrayBuffer of another realm, such as a test runner's, is no instance of this one's.
  const kind = Object.prototype.toString.call(body);
  if (kind === '[object Uint8Array]' || kind === '[object ArrayBuffer]') return new Uint8Array(body);
  throw new TypeError(
    'body must be the raw body, as text or bytes: the signature is over its bytes, which a parsed one does not have',
  );
}

/** Throws a TypeError: a wrong secret is an error of the caller. */
function keyBytes(secret: string): Uint8Array<ArrayBuffer> {
  const wrong = () => new TypeError('a secret must be whsec_ and the key in base64');
  if (typeof secret !== 'string' || !secret.startsWith(PREFIX)) throw wrong();
  const bytes = fromBase64(secret.slice(PREFIX.length));
  if (bytes === null || bytes.length === 0) throw wrong();
  return bytes;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function signedHeaders(headers: CallbackHeaders): { id: string; timestamp: string; signatures: string[] } {
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  const values = new Map(entries.map(([name, value]) => [name.toLowerCase(), value]));
  const header = (name: string): string => {
    const value = values.get(name);
    if (typeof value !== 'string' || value === '') throw new CallbackError(`the header ${name} is missing`);
    return value;
  };
  return {
    id: header('webhook-id'),
    timestamp: header('webhook-timestamp'),
    // While a secret is being replaced, the callback is signed with both.
    signatures: header('webhook-signature')
      .split(' ')
      .flatMap((part) => (part.startsWith('v1,') ? [part.slice('v1,'.length)] : [])),
  };
}

/** A request may have been recorded and sent again. */
function checkAge(timestamp: string, toleranceSeconds: number, now: number): void {
  if (!/^\d+$/.test(timestamp))
    throw new CallbackError('the header webhook-timestamp is not a number of seconds');
  const age = now / 1000 - Number(timestamp);
  if (age > toleranceSeconds) throw new CallbackError(`the callback is ${Math.round(age)} s old`);
  if (age < -toleranceSeconds)
    throw new CallbackError(`the callback's time is ${Math.round(-age)} s in the future`);
}

/** True when one of the signatures is by one of the keys; WebCrypto compares in constant time. */
async function isSigned(
  keys: readonly Uint8Array<ArrayBuffer>[],
  signatures: readonly string[],
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  for (const bytes of keys) {
    const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']);
    for (const signature of signatures) {
      const given = fromBase64(signature);
      if (given && (await crypto.subtle.verify('HMAC', key, given, signed))) return true;
    }
  }
  return false;
}
