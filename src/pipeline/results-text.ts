/** Results as lines: NDJSON and CSV, streamed. */
import type { Pool } from 'pg';
import { type Result, type ResultRange, readResultPages } from './result-reader.ts';
import { bytesOf, resultTexts } from './results.ts';

/** One result a line. */
export async function* ndjson(pool: Pool, batchId: string, range: ResultRange): AsyncGenerator<Buffer> {
  for await (const page of readResultPages(pool, batchId, { ...range, onOneLine: true }))
    yield bytesOf(resultTexts(page), { after: '\n' });
}

const COLUMNS = [
  'index',
  'id',
  'namespace',
  'action',
  'request',
  'response',
  'status',
  'attempts',
  'startedAt',
  'finishedAt',
];

/** RFC 4180: a header line, every line ended with CRLF; `request` and `response` as JSON text. */
export async function* csv(pool: Pool, batchId: string, range: ResultRange): AsyncGenerator<Buffer> {
  yield Buffer.from(`${COLUMNS.join(',')}\r\n`);
  for await (const page of readResultPages(pool, batchId, range)) yield bytesOf(page.map(csvLine));
}

function csvLine(result: Result): string {
  const { index, id = 'null', namespace, action, request, response, status, attempts } = result;
  const { startedAt, finishedAt } = result;
  return (
    `${index},${textField(id)},${textField(namespace)},${textField(action)},` +
    `${jsonField(request)},${jsonField(response)},${status},${attempts},${startedAt ?? ''},${finishedAt}\r\n`
  );
}

/** A string stands there as it is, without JSON's quotes and escapes, unless UTF-8 has no characters for it. */
function textField(json: string): string {
  if (!json.startsWith('"')) return jsonField(json);
  const text = JSON.parse(json) as string;
  return quoted(text.isWellFormed() ? text : json);
}

function jsonField(json: string): string {
  return json === 'null' ? '' : quoted(json);
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
