/** Request bodies: decoded, limited, and split into jobs as they arrive. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Transform } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { BatchwrightError } from '../../contract/errors.ts';
import {
  type EnvelopeEvent,
  EnvelopeScanner,
  JsonDepthError,
  JsonElementTooLargeError,
  JsonSyntaxError,
} from '../../json/envelope-scanner.ts';
import { md5CheckOf } from '../auth/content-md5.ts';
import { TOO_SLOW } from '../server/slow-clients.ts';
import { type HeldBody, heldBodyOf } from './body-memory.ts';

export interface BodyLimits {
  /** After decompression. */
  maxBodyBytes: number;
  maxJobBytes: number;
}

/** Maximum number of nested objects and arrays in a body. */
export const MAX_DEPTH = 500;
/**
 * Levels around params in the body of `run`: the object, its array and the job. Params sent alone may have
 * the same depth.
 */
const PARAMS_OUTER_DEPTH = 3;
/** A blank body up to this size counts as empty. */
const MAX_BLANK_BYTES = 1024;
/** A piece may contain thousands of jobs: a whole decompressed block at once would block the event loop. */
const PIECE_BYTES = 16 * 1024;
/**
 * Blocks that have already arrived are read without a turn of the event loop; after this time it must turn.
 */
const MAX_TURN_MS = 20;

/**
 * The body of a `run` request as events of its jobs and other members, and the digest of all its bytes, which
 * is known after the last event.
 */
export function readEnvelope(
  request: IncomingMessage,
  limits: BodyLimits,
): { events: AsyncIterable<EnvelopeEvent[]>; digest: () => Buffer; body?: HeldBody } {
  const hash = createHash('sha256');
  const scanner = new EnvelopeScanner({
    arrayMember: 'jobs',
    maxDepth: MAX_DEPTH,
    maxElementBytes: limits.maxJobBytes,
  });
  async function* events(): AsyncGenerator<EnvelopeEvent[]> {
    for await (const piece of pieces(request, limits.maxBodyBytes)) {
      hash.update(piece);
      yield asRequestError(linesHint, () => scanner.push(piece));
    }
    yield asRequestError(linesHint, () => scanner.end());
  }
  return { events: events(), digest: () => hash.digest(), ...bodyOf(request) };
}

/** The body's memory, for `submit` to release. */
export function bodyOf(request: IncomingMessage): { body?: HeldBody } {
  const body = heldBodyOf(request);
  return body ? { body } : {};
}

/**
 * The body of a request for one action: checked to be one JSON object, its bytes unchanged; `{}` when it is
 * empty.
 */
export async function readParams(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const maxBytes = Math.min(limits.maxBodyBytes, limits.maxJobBytes);
  const scanner = new EnvelopeScanner({
    arrayMember: null,
    maxDepth: MAX_DEPTH,
    outerDepth: PARAMS_OUTER_DEPTH,
    maxElementBytes: maxBytes,
  });
  const parts: Buffer[] = [];
  for await (const piece of pieces(request, maxBytes)) {
    asRequestError(depthHint, () => scanner.push(piece));
    parts.push(piece);
  }
  const body = Buffer.concat(parts);
  if (isBlank(body)) return Buffer.from('{}');
  asRequestError(depthHint, () => scanner.end());
  const hasByteOrderMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return hasByteOrderMark ? body.subarray(3) : body;
}

/** True for white space only, with or without a byte order mark. Long bodies count as not blank. */
function isBlank(body: Buffer): boolean {
  return body.length <= MAX_BLANK_BYTES && body.toString().trim() === '';
}

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

/** The body's bytes, decoded, in small pieces; throws when they exceed `maxBytes`. */
export async function* pieces(request: IncomingMessage, maxBytes: number): AsyncGenerator<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' && Number(request.headers['content-length'] ?? 0) > maxBytes)
    throw tooLarge(maxBytes);
  const body = heldBodyOf(request);
  let bytes = 0;
  let turnedAt = performance.now();
  for await (const block of decoded(request, encoding)) {
    bytes += block.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    for (let from = 0; from < block.length; from += PIECE_BYTES) {
      const piece = block.subarray(from, from + PIECE_BYTES);
      body?.add(piece.length);
      yield piece;
      if (performance.now() - turnedAt < MAX_TURN_MS) continue;
      await nextTurn();
      turnedAt = performance.now();
    }
  }
}

/**
 * Stopping early leaves the request unchanged, because the answer still needs its socket. A body read to its
 * end has been checked.
 */
async function* decoded(request: IncomingMessage, encoding: string): AsyncGenerator<Buffer> {
  const decoder = decoderOf(encoding);
  const md5Check = md5CheckOf(request);
  let isTooSlow = false;
  const onSlow = () => {
    isTooSlow = true;
    decoder.destroy(new Error('too slow'));
  };
  request.once(TOO_SLOW, onSlow);
  const onData = (bytes: Buffer) => md5Check?.update(bytes);
  if (md5Check) request.on('data', onData);
  request.on('error', (error) => decoder.destroy(error));
  request.on('close', () => {
    if (!request.complete) decoder.destroy(new Error('the connection was cut'));
  });
  // Not pipeline(): that would destroy the request with the decoder.
  request.pipe(decoder);
  try {
    yield* decoder as AsyncIterable<Buffer>;
  } catch (error) {
    if (isTooSlow) throw new BatchwrightError('requestTimeout');
    if (request.destroyed && !request.complete) throw cutOff(error);
    throw new BatchwrightError('badRequest', {
      message: `The body cannot be decoded as ${encoding}: ${(error as Error).message}`,
      cause: error,
    });
  } finally {
    request.off(TOO_SLOW, onSlow);
    request.off('data', onData);
    // Done here, because the decoder's own end would do it later and pause the next reader.
    request.unpipe(decoder);
  }
  md5Check?.end();
}

function cutOff(cause: unknown): BatchwrightError {
  return new BatchwrightError('badRequest', { message: 'The connection was cut', cause });
}

function decoderOf(encoding: string): Transform {
  switch (encoding) {
    case '':
    case 'identity':
      return new PassThrough();
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new BatchwrightError('unsupportedEncoding', {
        message: `Content-Encoding ${encoding.slice(0, 50)} is not supported: gzip, deflate and br are`,
      });
  }
}

/** Text after a complete JSON value usually means one job per line. */
function linesHint({ message }: JsonSyntaxError): string {
  const isBehind = message.startsWith('expected the end of the body');
  return isBehind ? '; send one job per line to POST /v1/batches as application/x-ndjson' : '';
}

function depthHint(error: JsonSyntaxError): string {
  const isTooDeep = error instanceof JsonDepthError;
  return isTooDeep ? `, counting the ${PARAMS_OUTER_DEPTH} that a JSON body has around params` : '';
}

/** @param hint the end of the message of a syntax error */
function asRequestError<T>(hint: (error: JsonSyntaxError) => string, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (error instanceof JsonElementTooLargeError)
      throw new BatchwrightError('bodyTooLarge', {
        message: error.message.replace(/^element (\d+)/, 'jobs[$1]'),
      });
    if (error instanceof JsonSyntaxError)
      throw new BatchwrightError('invalidRequest', {
        message: `The body is not as expected: ${error.message}${hint(error)}`,
      });
    throw error;
  }
}

export function tooLarge(maxBytes: number): BatchwrightError {
  return new BatchwrightError('bodyTooLarge', {
    message: `The request body has more than ${maxBytes} bytes`,
  });
}
