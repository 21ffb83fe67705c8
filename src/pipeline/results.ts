/** Results as JSON. */
import type { ClientBase, Pool } from 'pg';
import { type Result, type ResultRange, readResultPages } from './result-reader.ts';

/** The batch's results, each one JSON object as text, in arrays of a page each. */
export async function* resultPages(
  client: ClientBase | Pool,
  batchId: string,
  range?: ResultRange,
): AsyncGenerator<string[]> {
  for await (const page of readResultPages(client, batchId, range)) yield resultTexts(page);
}

/** A page that is answered as a whole ends early when it gets larger than this. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** One page of at most `limit` results, and the index to go on from; null when nothing comes after it. */
export async function pageOfResults(
  client: ClientBase | Pool,
  batchId: string,
  range: ResultRange & { limit: number },
): Promise<{ texts: string[]; next: number | null }> {
  const texts: string[] = [];
  let bytes = 0;
  for await (const page of readResultPages(client, batchId, { ...range, limit: range.limit + 1 }))
    for (const [position, text] of resultTexts(page).entries()) {
      if (texts.length > 0 && (texts.length === range.limit || bytes > MAX_ANSWER_BYTES))
        return { texts, next: page[position]?.index ?? null };
      texts.push(text);
      bytes += text.length;
    }
  return { texts, next: null };
}

/** A page's results as elements of a JSON array, with a comma before them unless they are its first. */
export function elements(page: readonly Result[], areFirst: boolean): Buffer {
  const bytes = bytesOf(resultTexts(page), { before: ',' });
  return areFirst ? bytes.subarray(1) : bytes;
}

/** Each result one JSON object as text. What neighbours have in common is put together once. */
export function resultTexts(page: readonly Result[]): string[] {
  let last: Result | undefined;
  let action = '';
  let end = '';
  return page.map((result) => {
    if (result.action !== last?.action || result.namespace !== last.namespace) action = actionText(result);
    if (!last || !endsAlike(result, last)) end = endText(result);
    last = result;
    const id = result.id === undefined ? '' : `"id":${result.id},`;
    return `{"index":${result.index},${id}${action}"request":${result.request},"response":${result.response},${end}`;
  });
}

function actionText({ namespace, action }: Result): string {
  return `"namespace":${namespace},"action":${action},`;
}

function endsAlike(one: Result, other: Result): boolean {
  return (
    one.finishedAt === other.finishedAt &&
    one.startedAt === other.startedAt &&
    one.attempts === other.attempts &&
    one.status === other.status
  );
}

function endText({ status, attempts, startedAt, finishedAt }: Result): string {
  const start = startedAt === null ? 'null' : `"${startedAt}"`;
  return `"status":"${status}","attempts":${attempts},"startedAt":${start},"finishedAt":"${finishedAt}"}`;
}

/** Of text that is turned into bytes at once. */
const RUN_LENGTH = 4000;

/**
 * Many short texts one after the other, each between these two. Cheaper than to join them all first: what is
 * put together is gone through again while it is hot.
 */
export function bytesOf(texts: readonly string[], { before = '', after = '' } = {}): Buffer {
  const runs: string[] = [];
  let run = '';
  let length = 0;
  for (const text of texts) {
    run += before + text + after;
    if (run.length < RUN_LENGTH) continue;
    length += Buffer.byteLength(run);
    runs.push(run);
    run = '';
  }
  runs.push(run);
  const bytes = Buffer.allocUnsafeSlow(length + Buffer.byteLength(run));
  let position = 0;
  for (const piece of runs) position += bytes.write(piece, position);
  return bytes;
}
