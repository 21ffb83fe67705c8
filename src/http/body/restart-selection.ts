/** The body of a restart: which jobs run again. It may have a million indexes, so it is parsed as it arrives. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import { notKnown, unknownMember } from '../../domain/unknown-name.ts';
import { EnvelopeScanner } from '../../json/envelope-scanner.ts';
import { parseUnrounded } from '../../json/rounded.ts';
import {
  RESTART_STATUSES,
  type RestartSelection,
  type RestartStatus,
} from '../../pipeline/control/selection.ts';
import { asRequestError, type BodyLimits, MAX_DEPTH } from './body.ts';
import { pieces } from './decode.ts';
import { wholeNumber } from './query.ts';

/** Enough for a million indexes, one per line and indented. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Of any member but the indexes. */
const MAX_MEMBER_BYTES = 64 * 1024;
/** The largest job index: Postgres stores it as an integer. */
const MAX_INDEX = 2 ** 31 - 1;
const PLAIN_INDEX = /^(?:0|[1-9]\d{0,8})$/;
const noHint = () => '';

/** Members of the body that select jobs. */
export const SELECTION = ['indexes', 'status', 'errorCode', 'message'] as const;

/**
 * The members of a body, `{}` when it is empty. `indexes` is an Int32Array when it was an array.
 *
 * @throws BatchwrightError `invalidRequest` for anything but a JSON object and for an unknown member,
 * `badRequest` for a wrong index
 */
export async function readSelectionBody(
  request: IncomingMessage,
  known: readonly string[],
  { maxBodyBytes }: Pick<BodyLimits, 'maxBodyBytes'>,
): Promise<Record<string, unknown>> {
  const scanner = new EnvelopeScanner({
    arrayMember: 'indexes',
    maxDepth: MAX_DEPTH,
    maxElementBytes: MAX_MEMBER_BYTES,
  });
  const members: Record<string, unknown> = {};
  const lists: Int32Array[] = [];
  let count = 0;
  let isBlank = true;
  for await (const piece of pieces(request, Math.min(maxBodyBytes, MAX_BYTES))) {
    isBlank &&= piece.toString().trim() === '';
    const list: number[] = [];
    for (const event of asRequestError(noHint, () => scanner.push(piece))) {
      if (event.kind === 'element') list.push(indexOf(event.value, count++));
      else if (event.kind === 'array-end') members.indexes = [];
      else setMember(members, event, known);
    }
    if (list.length > 0) lists.push(Int32Array.from(list));
  }
  if (isBlank) return {};
  asRequestError(noHint, () => scanner.end());
  if (Array.isArray(members.indexes)) members.indexes = joined(lists, count);
  return members;
}

/**
 * The selection that these members make.
 *
 * @throws BatchwrightError `badRequest` for a wrong value, and for indexes together with another member
 */
export function selectionOf({ indexes, ...others }: Record<string, unknown>): RestartSelection {
  const { status, errorCode, message } = others;
  if (indexes === undefined)
    return {
      statuses: status === undefined ? undefined : statusesOf(status),
      errorCode: wholeNumber('errorCode', errorCode, 400, 599),
      message: messageOf(message),
    };
  if (!(indexes instanceof Int32Array))
    throw new BatchwrightError('badRequest', { message: 'indexes must be an array of whole numbers' });
  const [other] = Object.keys(others).filter((name) => (SELECTION as readonly string[]).includes(name));
  if (other !== undefined)
    throw new BatchwrightError('badRequest', { message: `indexes cannot be combined with ${other}` });
  return { indexes };
}

/** Joined at the end: an array that grows with each index would be copied again and again. */
function joined(lists: readonly Int32Array[], count: number): Int32Array {
  const all = new Int32Array(count);
  let end = 0;
  for (const list of lists) {
    all.set(list, end);
    end += list.length;
  }
  return all;
}

function indexOf(value: Buffer, place: number): number {
  const text = value.toString();
  const index = PLAIN_INDEX.test(text) ? Number(text) : parsed(value);
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX) return index;
  throw new BatchwrightError('badRequest', {
    message: `indexes[${place}] must be a whole number from 0 to ${MAX_INDEX}`,
  });
}

function setMember(
  members: Record<string, unknown>,
  { key, value }: { key: string; value: Buffer },
  known: readonly string[],
): void {
  if (!known.includes(key))
    throw new BatchwrightError('invalidRequest', { message: unknownMember('', key, known) });
  members[key] = parsed(value);
  // Null may stand for a selection of nothing, and must not restart the whole batch.
  if (members[key] === null && (SELECTION as readonly string[]).includes(key))
    throw new BatchwrightError('badRequest', { message: `${key} must not be null` });
}

function parsed(value: Buffer): unknown {
  try {
    if (!isUtf8(value)) throw new SyntaxError('it is not valid UTF-8');
    // Only numbers inside an array or an object are checked for rounding.
    return (parseUnrounded(`[${value}]`) as unknown[])[0];
  } catch (error) {
    throw new BatchwrightError('invalidRequest', {
      message: `The body is not valid JSON: ${(error as Error).message}`,
    });
  }
}

function messageOf(message: unknown): string | undefined {
  if (message === undefined || typeof message === 'string') return message;
  throw new BatchwrightError('badRequest', { message: 'message must be a text' });
}

/** One status, as in a query, or an array. */
function statusesOf(status: unknown): RestartStatus[] {
  if (typeof status === 'string') return [statusOf('status', status)];
  if (!Array.isArray(status))
    throw new BatchwrightError('badRequest', {
      message: `status must be an array of ${RESTART_STATUSES.join(', ')}`,
    });
  return status.map((one, place) => statusOf(`status[${place}]`, one));
}

function statusOf(path: string, status: unknown): RestartStatus {
  const known = RESTART_STATUSES.find((one) => one === status);
  if (known) return known;
  const fault =
    typeof status === 'string'
      ? `: ${status.slice(0, 100)}${notKnown(status, RESTART_STATUSES)}`
      : ` must be one of ${RESTART_STATUSES.join(', ')}`;
  throw new BatchwrightError('badRequest', { message: `${path}${fault}` });
}
