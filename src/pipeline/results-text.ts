/** Results as lines: NDJSON and CSV, streamed. */
import { splitObject } from '../json/slices.ts';

/** One result a line. */
export async function* ndjson(pages: AsyncIterable<string[]>): AsyncGenerator<string> {
  for await (const page of pages) yield `${page.map(onOneLine).join('\n')}\n`;
}

/** A request comes back as it was laid out; a string of JSON holds no bare line end. */
function onOneLine(result: string): string {
  return /[\r\n]/.test(result) ? result.replaceAll(/[\r\n]/g, ' ') : result;
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
export async function* csv(pages: AsyncIterable<string[]>): AsyncGenerator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  for await (const page of pages) yield page.map(csvLine).join('');
}

function csvLine(result: string): string {
  const members = splitObject(result);
  return `${COLUMNS.map((column) => csvField(column, members.get(column))).join(',')}\r\n`;
}

function csvField(column: string, json: string | undefined): string {
  if (json === undefined || json === 'null') return '';
  const isText = column !== 'request' && column !== 'response' && json.startsWith('"');
  const value = isText ? (JSON.parse(json) as string) : json;
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
