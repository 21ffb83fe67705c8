/** Checks the bodies of signed requests before other code reads them. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import { md5CheckOf } from '../auth/content-md5.ts';
import { TOO_SLOW } from '../server/slow-clients.ts';
import type { BodyLimits } from './body.ts';
import { heldBodyOf } from './body-memory.ts';
import { cutOff, tooLarge } from './decode.ts';

/**
 * Checks a body that is still to be read by others. The body of a signed request is held as a whole; other
 * bodies are not touched. Do not call it in the turn in which the request arrived: an empty body would end
 * before other code listens.
 */
export async function checkAhead(request: IncomingMessage, limits: BodyLimits): Promise<void> {
  const md5Check = md5CheckOf(request);
  if (!md5Check) return;
  const parts: Buffer[] = [];
  let bytes = 0;
  // Never reads past the last byte: that would end the request before its next reader.
  while (!request.complete || request.readableLength > 0) {
    if (request.readableLength === 0) await moreOf(request);
    const part: Buffer | null = request.readableLength > 0 ? request.read() : null;
    if (!part) continue;
    bytes += part.length;
    if (bytes > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
    heldBodyOf(request)?.add(part.length);
    md5Check.update(part);
    parts.push(part);
  }
  md5Check.end();
  if (bytes > 0) request.unshift(Buffer.concat(parts));
}

async function moreOf(request: IncomingMessage): Promise<void> {
  const waiting = new AbortController();
  const onSlow = () => waiting.abort();
  request.once(TOO_SLOW, onSlow);
  try {
    await once(request, 'readable', { signal: waiting.signal });
  } catch (error) {
    if (waiting.signal.aborted) throw new BatchwrightError('requestTimeout');
    throw cutOff(error);
  } finally {
    request.off(TOO_SLOW, onSlow);
  }
}
