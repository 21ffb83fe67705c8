/**
 * Receives the body of an import: its rows are stored by the jobs of one batch, so that they never are in memory
 * together. A body that turns out to be wrong, even at its end, makes the batch end before it is stored.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonArrayBody, RetryLaterError, type RouteTools } from 'batchwright/plugin';
import type { Request } from 'express';
import { MAX_ROW_LENGTH } from './check-row.ts';
import { refused } from './errors.ts';
import { requireEvent } from './event-rows.ts';
import { type ImportBody, parseImport } from './parse-body.ts';

export const MAX_ROWS = 100_000;
/** Rows of a job, at most so many characters of them. */
const ROWS_PER_JOB = 1000;
const CHARACTERS_PER_JOB = 512 * 1024;
/** How long the request waits for the jobs. */
const WAIT_MS = 60_000;
const LONGEST_PAUSE_MS = 100;

export interface Received extends ImportBody {
  upload: string;
  rowCount: number;
}

/**
 * Stores the rows of a request.
 *
 * @param check awaited with the body once it is whole, before anything is stored; may throw
 * @throws 400 or 422 for a body that is not understood, 404 for an unknown event; nothing is stored then
 */
export async function receiveRows(
  request: Request,
  tools: RouteTools,
  check: (body: ImportBody) => void,
): Promise<Received> {
  const upload = randomBytes(16).toString('hex');
  const sent = tools.readJsonArray(request, {
    array: 'participants',
    wrapper: 'participant_import',
    parse: checkedRow,
  });
  let received: Received | undefined;

  async function* jobs() {
    let rows: (string | number)[] = [];
    let characters = 0;
    let first = 0;
    const job = () => ({ namespace: 'redjade', action: 'storeRows', params: { upload, first, rows } });
    for await (const row of sent.elements as AsyncIterable<string | number>) {
      if (first + rows.length === MAX_ROWS)
        throw refused(422, [
          { message: `participants must have at most ${MAX_ROWS} rows`, field: 'participants' },
        ]);
      rows.push(row);
      if (typeof row === 'string') characters += row.length;
      if (rows.length < ROWS_PER_JOB && characters < CHARACTERS_PER_JOB) continue;
      yield job();
      first += rows.length;
      rows = [];
      characters = 0;
    }
    const body = parseImport(bodyOf(sent));
    check(body);
    await requireEvent(tools.sql, tools.callerOf(request).tenant, body.externalEventId);
    received = { ...body, upload, rowCount: first + rows.length };
    if (rows.length > 0) yield job();
  }

  // A batch without jobs would be refused.
  const all = jobs();
  const head = await all.next();
  if (!head.done) await storeAll(request, tools, continued(head.value, all));
  return received as Received;
}

async function* continued<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/**
 * The text itself, so that an invalid row is kept exactly as it was sent; the length of a text that is too long to be
 * valid, because parsing it would block the event loop. Throws the error of text that is not JSON.
 */
function checkedRow(text: string): string | number {
  if (text.length > MAX_ROW_LENGTH) return text.length;
  JSON.parse(text);
  return text;
}

/** The members of an import without its participants. Throws 422 when those are no array. */
function bodyOf({ members, hasArray }: JsonArrayBody): Record<string, unknown> {
  if (hasArray) return members;
  const rule = 'participants' in members ? 'must be an array' : 'is required';
  throw refused(422, [{ message: `participants ${rule}`, field: 'participants' }]);
}

async function storeAll(
  request: Request,
  tools: RouteTools,
  jobs: AsyncIterable<{ namespace: string; action: string; params: object }>,
): Promise<void> {
  const { asyncId } = await tools.submit(request, { jobs });
  const deadline = Date.now() + WAIT_MS;
  for (let pause = 10; Date.now() < deadline; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    await sleep(pause);
    const status = await tools.batch(request, asyncId);
    if (status?.state !== 'completed' && status?.state !== 'cancelled') continue;
    if (status.counts.succeeded === status.counts.total) return;
    throw new RetryLaterError('The rows could not be stored; please send the import again', 5, {
      errorCode: 503,
    });
  }
  throw new RetryLaterError('The rows are not stored yet; please send the import again later', 30, {
    errorCode: 504,
  });
}
