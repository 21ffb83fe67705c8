/** Requests signed with a key's secret: `X-Api-Authorization: IWS {key}:{signature}`. */
import { timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Keys } from '../../access/keys.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import { requireContentMd5 } from './content-md5.ts';
import { dateOf, iwsSignature, stringsToSign } from './iws-signature.ts';

const AUTHORIZATION = /^IWS +([^\s:]+):([^\s:]+)$/i;
const SIGNATURE = /^[0-9a-f]{40}$/i;
/** The maximum difference between the clocks of the caller and of this machine. */
const MAX_SKEW_MS = 5 * 60_000;
/** The string to sign is shown to the caller up to this length. */
const MAX_SHOWN_CHARACTERS = 2000;

/**
 * The caller that signed the request; null for a wrong key or one that does not sign. The body is checked
 * while it is read, by its Content-MD5. Throws `staleRequest` and `unauthorized` (401), and `unavailable`
 * (503) when SECRET_KEY does not decrypt the key's secret.
 */
export async function callerBySignature(keys: Keys, request: Request): Promise<Caller | null> {
  const { headers, method, originalUrl: target } = request;
  const { key, signature } = parseAuthorization(headers['x-api-authorization']);
  requireFreshDate(headers);
  const signer = await keys.findSigner(key);
  if (!signer) return null;
  const texts = stringsToSign({ method, target, headers });
  if (!texts.some((text) => timingSafeEqual(iwsSignature(signer.secret, text), signature)))
    throw new BatchwrightError('unauthorized', {
      message: 'The signature is not that of the request',
      details: [`the string to sign is ${texts[0]?.slice(0, MAX_SHOWN_CHARACTERS)}`],
    });
  requireContentMd5(request);
  return signer.caller;
}

/**
 * The key named in a signed request; undefined when the header is malformed. The signature is not checked.
 */
export function keyOfSignature(authorization: string | string[]): string | undefined {
  return AUTHORIZATION.exec(String(authorization))?.[1];
}

function parseAuthorization(authorization: unknown): { key: string; signature: Buffer } {
  const [, key, signature] = AUTHORIZATION.exec(String(authorization)) ?? [];
  if (!key || !signature)
    throw new BatchwrightError('unauthorized', {
      message: 'X-Api-Authorization must be IWS {key}:{signature}',
    });
  if (!SIGNATURE.test(signature))
    throw new BatchwrightError('unauthorized', {
      message: 'The signature in X-Api-Authorization must be an HMAC-SHA1 in hex: 40 digits',
    });
  return { key, signature: Buffer.from(signature, 'hex') };
}

function requireFreshDate(headers: Request['headers']): void {
  const date = dateOf(headers);
  if (Math.abs(Date.now() - date) <= MAX_SKEW_MS) return;
  const isDate = !Number.isNaN(date);
  throw new BatchwrightError('staleRequest', {
    details: isDate
      ? []
      : [
          'IVVY-Date or Date must be YYYY-MM-DD HH:mm:ss in UTC, or Date as in RFC 9110: Tue, 03 Apr 2012 22:23:24 GMT',
        ],
  });
}
