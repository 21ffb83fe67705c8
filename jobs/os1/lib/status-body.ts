/** The status of a batch as OS1 answers it, and posts it to the callback. */
import type { RequestEcho } from './envelopes.ts';
import type { ItemError } from './item-error.ts';
import { isObject } from './properties.ts';

export interface StatusBatch {
  id: string;
  state: string;
  counts: Readonly<Record<string, number>>;
}

/** The parts of a result that the status shows. */
export interface ItemResult {
  index: number;
  namespace: string;
  status: string;
  request: unknown;
  response: unknown;
}

/**
 * `{"data": {"id", "status", …, "successDetails", "failureDetails"}, "request"}` in pieces. While the batch runs, the
 * details are those that the counts have.
 *
 * @param readResults called twice; the results in the order of the items
 */
export async function* statusBody(
  { id, state, counts }: StatusBatch,
  readResults: () => AsyncIterable<unknown>,
  request: RequestEcho,
): AsyncGenerator<string> {
  const { total = 0, succeeded: successCount = 0, failed = 0, cancelled = 0, skipped = 0 } = counts;
  const failureCount = failed + cancelled + skipped;
  const status = statusOf(state, successCount, failureCount);
  const head = { id, status, successCount, failureCount, totalCount: total };
  yield `{"data":${JSON.stringify(head).slice(0, -1)},"successDetails":[`;
  yield* details(readResults, successCount, (result) => isSuccess(result), successDetail);
  yield '],"failureDetails":[';
  yield* details(readResults, failureCount, (result) => !isSuccess(result), failureDetail);
  yield `]},"request":${JSON.stringify(request)}}`;
}

function statusOf(state: string, successCount: number, failureCount: number): string {
  if (state !== 'completed' && state !== 'cancelled') return 'in progress';
  if (failureCount === 0) return 'success';
  return successCount === 0 ? 'failed' : 'partial success';
}

async function* details(
  readResults: () => AsyncIterable<unknown>,
  count: number,
  isWanted: (result: ItemResult) => boolean,
  detailOf: (result: ItemResult) => object,
): AsyncGenerator<string> {
  if (count === 0) return;
  let read = 0;
  for await (const value of readResults()) {
    const result = value as ItemResult;
    if (!isWanted(result)) continue;
    yield `${read === 0 ? '' : ','}${JSON.stringify(detailOf(result))}`;
    read += 1;
    if (read === count) return;
  }
}

function isSuccess({ status }: ItemResult): boolean {
  return status === 'succeeded';
}

function successDetail({ response }: ItemResult): object {
  const { uniqueCode = null, id = null } = isObject(response) ? response : {};
  return { uniqueCode, id };
}

/** The line of a CSV row, or the item's position in the payload, and the id of an update are ours. */
function failureDetail({ index, status, request, response }: ItemResult): object {
  const { participant, line } = isObject(request) ? request : {};
  const { uniqueCode, id } = isObject(participant) ? participant : {};
  return {
    uniqueCode: textOf(uniqueCode),
    ...(typeof id === 'string' ? { id: textOf(id) } : {}),
    ...(typeof line === 'number' ? { line } : { index }),
    errors: errorsOf(status, response),
  };
}

const MAX_TEXT = 1000;

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : null;
}

function errorsOf(status: string, response: unknown): ItemError[] {
  if (status === 'cancelled')
    return [{ message: 'The batch was cancelled before this item', code: 'CANCELLED' }];
  const { message, details } = isObject(response) ? response : {};
  if (isObject(details) && Array.isArray(details.errors)) return details.errors as ItemError[];
  return [{ message: typeof message === 'string' ? message : 'The item failed', code: 'FAILED' }];
}
