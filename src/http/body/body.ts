/** JSON bodies, split into jobs as they arrive. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import {
  type EnvelopeEvent,
  EnvelopeScanner,
  JsonDepthError,
  JsonElementTooLargeError,
  JsonSyntaxError,
  JsonTrailingTextError,
} from '../../json/envelope-scanner.ts';
import { bodyOf, type HeldBody } from './body-memory.ts';
import { pieces } from './decode.ts';

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

/** Text after a complete JSON value usually means one job per line. */
function linesHint(error: JsonSyntaxError): string {
  return error instanceof JsonTrailingTextError
    ? '; send one job per line to POST /v1/batches as application/x-ndjson'
    : '';
}

function depthHint(error: JsonSyntaxError): string {
  const isTooDeep = error instanceof JsonDepthError;
  return isTooDeep ? `, counting the ${PARAMS_OUTER_DEPTH} that a JSON body has around params` : '';
}

/**
 * Runs a step of a scanner, and makes its errors those of the request.
 *
 * @param hint the end of the message of a syntax error
 */
export function asRequestError<T>(hint: (error: JsonSyntaxError) => string, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (error instanceof JsonElementTooLargeError)
      throw new BatchwrightError('bodyTooLarge', { message: error.message });
    if (error instanceof JsonSyntaxError)
      throw new BatchwrightError('invalidRequest', {
        message: `The body is not as expected: ${error.message}${hint(error)}`,
      });
    throw error;
  }
}
