/** Results as JSON. */
import type { Result } from './result-pages.ts';

/** A page's results as elements of a JSON array, with a comma before each except the first of all. */
export function elements(page: readonly Result[], areFirst: boolean): Written {
  const { bytes, starts } = writtenOf(resultTexts(page), { before: ',' });
  if (!areFirst || page.length === 0) return { bytes, starts };
  const [first, ...others] = starts.map(({ offset, ...start }) => ({ offset: offset - 1, ...start }));
  return { bytes: bytes.subarray(1), starts: [{ offset: 0, first: first?.first ?? 0 }, ...others] };
}

/** Each result as the text of one JSON object. Text that neighbours share is built once. */
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

/** Length of the text that is encoded at once. */
const RUN_LENGTH = 4000;

export interface Written {
  bytes: Buffer;
  /**
   * Offsets in `bytes` with the position of the text that begins there: the first text of each run. A longer
   * text has a run of its own.
   */
  starts: { offset: number; first: number }[];
}

/**
 * Encodes many short texts in order, each between `before` and `after`. Encoding run by run is cheaper than
 * joining all first, because a run is still in the CPU cache.
 */
export function writtenOf(texts: readonly string[], { before = '', after = '' } = {}): Written {
  const runs: string[] = [];
  const starts: Written['starts'] = [];
  let run = '';
  let first = 0;
  let length = 0;
  const end = (next: number) => {
    if (next === first) return;
    starts.push({ offset: length, first });
    runs.push(run);
    length += Buffer.byteLength(run);
    run = '';
    first = next;
  };
  for (const [position, text] of texts.entries()) {
    if (text.length > RUN_LENGTH) end(position);
    run += before + text + after;
    if (run.length >= RUN_LENGTH) end(position + 1);
  }
  end(texts.length);
  const bytes = Buffer.allocUnsafeSlow(length);
  let offset = 0;
  for (const piece of runs) offset += bytes.write(piece, offset);
  return { bytes, starts };
}
