/** Requests that are signed with a key's secret: `X-Api-Authorization: IWS {key}:{signature}`. */
import { timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Caller } from '../domain/caller.ts';
import { BatchwrightError } from '../domain/errors.ts';
import type { Keys } from '../pipeline/keys.ts';
import { requireContentMd5 } from './content-md5.ts';
import { dateOf, iwsSignature, stringToSign } from './iws-signature.ts';

const AUTHORIZATION = /^IWS +([^\s:]+):([0-9a-f]{40})$/i;
/** Between the clocks of the caller and of this machine, either way. */
const MAX_SKEW_MS = 5 * 60_000;
/** Of the string to sign, as a caller is told it. */
const MAX_TOLD_CHARACTERS = 2000;

/**
 * Who signed the request; null for a key that is wrong or does not sign. The body is checked as it is read, by
 * its Content-MD5. Throws `staleRequest` and `unauthorized` (401), and `unavailable` (503) when SECRET_KEY
 * does not read the key's secret.
 */
export async function callerBySignature(keys: Keys, request: Request): Promise<Caller | null> {
  const { headers, method, originalUrl: target } = request;
  const [, key, signature] = AUTHORIZATION.exec(String(headers['x-api-authorization'])) ?? [];
  if (!key || !signature) return null;
  if (!(Math.abs(Date.now() - dateOf(headers)) <= MAX_SKEW_MS)) throw new BatchwrightError('staleRequest');
  const signer = await keys.findSigner(key);
  if (!signer) return null;
  const text = stringToSign({ method, target, headers });
  if (!timingSafeEqual(iwsSignature(signer.secret, text), Buffer.from(signature, 'hex')))
    throw new BatchwrightError('unauthorized', {
      message: 'The signature is not that of the request',
      details: [`the string to sign is ${text.slice(0, MAX_TOLD_CHARACTERS)}`],
    });
  requireContentMd5(request);
  return signer.caller;
}
