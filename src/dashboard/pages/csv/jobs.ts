/** The rows of a file as jobs: checked in pieces, or sent as one batch. */
import { BadRequestError } from '../../../client/errors.ts';
import type { Batch, Batchwright, CsvSettings } from '../../../client/index.ts';
import { type ActionName, jobText } from '../../../json/job-text.ts';
import { type CsvFile, rowsOf } from './read.ts';

export interface CsvJobs {
  source: CsvFile;
  action: ActionName;
  /** Undefined when the server cannot read the file's columns by their names. */
  named: Pick<CsvSettings, 'map' | 'set'> | undefined;
  params: (cells: readonly string[]) => string;
  signal: AbortSignal;
  onRead: (bytes: number) => void;
}

export interface Checked {
  rows: number;
  wrong: number;
  /** The first of them. */
  faults: { line: number; text: string }[];
}

/** A server can be configured to take few jobs in a batch. */
const ROWS_AT_ONCE = 1_000;
const CHARACTERS_AT_ONCE = 4_000_000;
const MOST_FAULTS = 200;
const MORE_JOBS = /^and (\d+) more jobs?$/;
const OF_JOB = /^jobs\[(\d+)\](?:\.params)?\.?(.*)$/s;

/** Has the server check all rows; it stores nothing. Rejects with errors that are not about rows. */
export async function checkRows(client: Batchwright, jobs: CsvJobs): Promise<Checked> {
  const checked: Checked = { rows: 0, wrong: 0, faults: [] };
  let piece: Piece = { lines: [], texts: [], characters: 0 };
  const check = async () => {
    if (piece.texts.length > 0) await checkPiece(client, piece, checked, jobs.signal);
    piece = { lines: [], texts: [], characters: 0 };
  };
  for await (const { line, text } of linesOf(jobs)) {
    piece.lines.push(line);
    piece.texts.push(text);
    piece.characters += text.length;
    checked.rows += 1;
    if (piece.texts.length >= ROWS_AT_ONCE || piece.characters >= CHARACTERS_AT_ONCE) await check();
  }
  await check();
  return checked;
}

interface Piece {
  lines: number[];
  texts: string[];
  characters: number;
}

async function checkPiece(client: Batchwright, piece: Piece, checked: Checked, signal: AbortSignal) {
  try {
    await client.batches.validate(`{"jobs":[${piece.texts.join(',')}]}`, { signal });
  } catch (error) {
    if (!(error instanceof BadRequestError)) throw error;
    const wrong = new Set<string>();
    let more = 0;
    for (const message of error.messages) {
      const [, index, text = ''] = OF_JOB.exec(message) ?? [];
      more += Number(MORE_JOBS.exec(message)?.[1] ?? 0);
      if (index === undefined) continue;
      wrong.add(index);
      if (checked.faults.length < MOST_FAULTS)
        checked.faults.push({ line: piece.lines[Number(index)] ?? 0, text });
    }
    // It is not about the rows
    if (wrong.size === 0) throw error;
    checked.wrong += wrong.size + more;
  }
}

/**
 * Sends all rows as one batch: the file as it is, which the browser reads while it sends it. Where its columns have no
 * names of their own, the rows are sent as lines; line n of what is sent is line n of the file.
 */
export function sendRows(client: Batchwright, jobs: CsvJobs, skipInvalid: boolean): Promise<Batch> {
  const { named, signal, source, action } = jobs;
  const settings = { signal, ...(skipInvalid ? { options: { skipInvalid } } : {}) };
  if (!named) return client.batches.createFrom(() => spacedLines(jobs), settings);
  const { file, encoding: charset, delimiter } = source;
  const name = `${action.namespace}.${action.action}`;
  return client.batches.createFromCsv(file, { ...settings, ...named, action: name, charset, delimiter });
}

async function* spacedLines(jobs: CsvJobs): AsyncGenerator<string> {
  let next = 1;
  for await (const { line, text } of linesOf(jobs)) {
    for (; next < line; next++) yield '';
    next++;
    yield text;
  }
}

async function* linesOf({ source, action, params, signal, onRead }: CsvJobs) {
  let isHeader = true;
  for await (const { line, cells } of rowsOf(source, onRead)) {
    signal.throwIfAborted();
    if (!isHeader) yield { line, text: jobText(action, params(cells)) };
    isHeader = false;
  }
}
