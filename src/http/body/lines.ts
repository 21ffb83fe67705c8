import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import { JsonDepthError } from '../../json/envelope-scanner.ts';
import { type Line, LineScanner, LineTooLongError } from '../../json/line-scanner.ts';
import type { IntakeEvent } from '../../pipeline/submit/intake.ts';
import { type BodyLimits, MAX_DEPTH } from './body.ts';
import { bodyOf, type HeldBody } from './body-memory.ts';
import { pieces } from './decode.ts';

/** Levels around a job in a JSON body: the object and its array. A job on a line may have the same depth. */
const OUTER_DEPTH = 2;

/**
 * A body with one job per line as events: first the `members` from the query, then its jobs. Also the digest
 * of all, which is known after the last event. The body's total size is not limited, but the bytes between
 * jobs are: a few compressed bytes could otherwise expand to endless empty lines.
 */
export function readLines(
  request: IncomingMessage,
  limits: BodyLimits,
  members: Record<string, unknown>,
): { events: AsyncIterable<IntakeEvent[]>; digest: () => Buffer; body?: HeldBody } {
  const hash = createHash('sha256').update(JSON.stringify(members));
  const scanner = new LineScanner({
    maxLineBytes: limits.maxJobBytes,
    maxDepth: MAX_DEPTH,
    outerDepth: OUTER_DEPTH,
  });
  let bytesOfNoJob = 0;
  const jobOf = ({ number, value }: Line): IntakeEvent => ({
    kind: 'element',
    value,
    line: number,
  });
  async function* events(): AsyncGenerator<IntakeEvent[]> {
    yield Object.entries(members).map(([key, value]) => ({
      kind: 'member',
      key,
      value: Buffer.from(JSON.stringify(value)),
    }));
    for await (const piece of pieces(request, Number.POSITIVE_INFINITY)) {
      hash.update(piece);
      const lines = asRequestError(() => scanner.push(piece));
      bytesOfNoJob += lines.reduce((bytes, { value }) => bytes - value.length, piece.length);
      // An unfinished job counts as well.
      if (bytesOfNoJob > limits.maxBodyBytes + limits.maxJobBytes)
        throw new BatchwrightError('bodyTooLarge', {
          message: `The request body has more than ${limits.maxBodyBytes} bytes of white space`,
        });
      yield lines.map(jobOf);
    }
    yield [...asRequestError(() => scanner.end()).map(jobOf), { kind: 'array-end' }];
  }
  return { events: events(), digest: () => hash.digest(), ...bodyOf(request) };
}

function asRequestError<T>(scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (error instanceof LineTooLongError)
      throw new BatchwrightError('bodyTooLarge', { message: error.message });
    if (error instanceof JsonDepthError)
      throw new BatchwrightError('invalidRequest', {
        message: `${error.message}, counting the ${OUTER_DEPTH} that a JSON body has around a job`,
      });
    throw error;
  }
}
