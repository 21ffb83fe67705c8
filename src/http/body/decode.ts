/** Decodes request bodies and limits their size. */
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Transform } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { BatchwrightError } from '../../contract/errors.ts';
import { md5CheckOf } from '../auth/content-md5.ts';
import { TOO_SLOW } from '../server/slow-clients.ts';
import { heldBodyOf } from './body-memory.ts';

/** A piece may contain thousands of jobs: a whole decompressed block at once would block the event loop. */
const PIECE_BYTES = 16 * 1024;
/**
 * Blocks that have already arrived are read without a turn of the event loop; after this time it must turn.
 */
const MAX_TURN_MS = 20;

/** The body's bytes, decoded, in small pieces; throws when they exceed `maxBytes`. */
export async function* pieces(request: IncomingMessage, maxBytes: number): AsyncGenerator<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' && Number(request.headers['content-length'] ?? 0) > maxBytes)
    throw tooLarge(maxBytes);
  const body = heldBodyOf(request);
  const isCounted = encoding === 'identity' && body?.isCountedOnArrival;
  let bytes = 0;
  let turnedAt = performance.now();
  for await (const block of decoded(request, encoding)) {
    bytes += block.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    for (let from = 0; from < block.length; from += PIECE_BYTES) {
      const piece = block.subarray(from, from + PIECE_BYTES);
      if (!isCounted) body?.add(piece.length);
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
    // The body is too large, or there is no memory for it.
    if (error instanceof BatchwrightError) throw error;
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

/** The error for a body whose connection ended early. */
export function cutOff(cause: unknown): BatchwrightError {
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

export function tooLarge(maxBytes: number): BatchwrightError {
  return new BatchwrightError('bodyTooLarge', {
    message: `The request body has more than ${maxBytes} bytes`,
  });
}
