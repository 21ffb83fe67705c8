/** Bodies of requests without jobs. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import { unknownMember } from '../../domain/unknown-name.ts';
import { parseUnrounded } from '../../json/rounded.ts';
import { readParams } from './body.ts';

const MAX_BYTES = 1024 * 1024;

/**
 * The body of a small request as a JSON object; `{}` when it is empty. A number that was rounded to a whole
 * one is a fraction in the result. Throws `invalidRequest` for anything else.
 */
export async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  const bytes = await readParams(request, { maxBodyBytes: MAX_BYTES, maxJobBytes: MAX_BYTES });
  try {
    if (!isUtf8(bytes)) throw new SyntaxError('it is not valid UTF-8');
    return parseUnrounded(bytes.toString()) as Record<string, unknown>;
  } catch (error) {
    throw new BatchwrightError('invalidRequest', {
      message: `The body is not valid JSON: ${(error as Error).message}`,
    });
  }
}

/** Like `readObject`; also throws `invalidRequest` for an unknown member. */
export async function readMembers(
  request: IncomingMessage,
  known: readonly string[],
): Promise<Record<string, unknown>> {
  const members = await readObject(request);
  for (const name in members)
    if (!known.includes(name))
      throw new BatchwrightError('invalidRequest', { message: unknownMember('', name, known) });
  return members;
}
