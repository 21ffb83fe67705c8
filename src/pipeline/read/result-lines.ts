/** Results as lines: NDJSON and CSV. */

import { resultTexts, writtenOf } from './result-json.ts';
import type { Result } from './result-pages.ts';
import type { ResultForm } from './result-stream.ts';

/** One result per line. */
export const NDJSON: ResultForm = {
  head: '',
  write: (page) => writtenOf(resultTexts(page), { after: '\n' }),
  tail: () => '',
  onOneLine: true,
};

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

/** RFC 4180: a header line, every line ends with CRLF; `request` and `response` are JSON text. */
export const CSV: ResultForm = {
  head: `${COLUMNS.join(',')}\r\n`,
  write: (page) => writtenOf(page.map(csvLine)),
  tail: () => '',
};

function csvLine(result: Result): string {
  const { index, id = 'null', namespace, action, request, response, status, attempts } = result;
  const { startedAt, finishedAt } = result;
  return (
    `${index},${textField(id)},${textField(namespace)},${textField(action)},` +
    `${jsonField(request)},${jsonField(response)},${status},${attempts},${startedAt ?? ''},${finishedAt}\r\n`
  );
}

/** A string without JSON's quotes and escapes, unless it contains characters that UTF-8 cannot encode. */
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
