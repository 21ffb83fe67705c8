/** Tables of text, for people. */
import { styleText } from 'node:util';
import stringWidth from 'string-width';
import type { Terminal } from './terminal.ts';

export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim';

export interface Column<Row> {
  title: string;
  value(row: Row): string | number | null | undefined;
  /** Of the text on a terminal. */
  style?(row: Row): Style | undefined;
}

/** The widths of columns follow the first rows: a table of any length is printed in constant memory. */
const MEASURED_ROWS = 100;
const GAP = '  ';

/** The lines of a table, with their line ends. */
export async function* tableLines<Row>(
  stdout: Terminal['stdout'],
  columns: readonly Column<Row>[],
  rows: AsyncIterable<Row> | Iterable<Row>,
): AsyncGenerator<string> {
  const waiting: Row[] = [];
  let widths: number[] | undefined;
  const measure = () =>
    columns.map(({ title, value }) =>
      Math.max(stringWidth(title), ...waiting.map((row) => stringWidth(shown(value(row))))),
    );
  for await (const row of rows) {
    if (widths) {
      yield line(stdout, columns, row, widths);
      continue;
    }
    waiting.push(row);
    if (waiting.length < MEASURED_ROWS) continue;
    widths = measure();
    yield head(stdout, columns, widths);
    for (const first of waiting) yield line(stdout, columns, first, widths);
  }
  if (widths) return;
  widths = measure();
  yield head(stdout, columns, widths);
  for (const row of waiting) yield line(stdout, columns, row, widths);
}

/** The names and values of one thing, one a line, with their line ends. What it does not have is left out. */
export function fieldLines<Thing>(
  stdout: Terminal['stdout'],
  columns: readonly Column<Thing>[],
  thing: Thing,
): string[] {
  const width = Math.max(...columns.map(({ title }) => stringWidth(title)));
  return columns
    .filter(({ value }) => (value(thing) ?? undefined) !== undefined)
    .map(({ title, value, style }) => {
      const text = styled(stdout, shown(value(thing)), style?.(thing));
      return `${styled(stdout, padded(title, width), 'dim')}${GAP}${text}\n`;
    });
}

/** Text in the style, if standard output is a terminal that has colours and NO_COLOR is not set. */
export function styled(stdout: Terminal['stdout'], text: string, style: Style | undefined): string {
  return style === undefined ? text : styleText(style, text, { stream: stdout });
}

function head<Row>(
  stdout: Terminal['stdout'],
  columns: readonly Column<Row>[],
  widths: readonly number[],
): string {
  return joined(columns.map(({ title }, index) => styled(stdout, cell(stdout, title, index, widths), 'dim')));
}

function line<Row>(
  stdout: Terminal['stdout'],
  columns: readonly Column<Row>[],
  row: Row,
  widths: readonly number[],
): string {
  return joined(
    columns.map(({ value, style }, index) =>
      styled(stdout, cell(stdout, shown(value(row)), index, widths), style?.(row)),
    ),
  );
}

/** The last column is not filled up, but cut where the terminal ends. */
function cell(
  { columns = 80, isTTY }: Terminal['stdout'],
  text: string,
  index: number,
  widths: readonly number[],
): string {
  if (index < widths.length - 1) return padded(text, widths[index] ?? 0);
  if (!isTTY) return text;
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
  return cut(text, Math.max(20, columns - before));
}

function joined(cells: readonly string[]): string {
  return `${cells.join(GAP).trimEnd()}\n`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (stringWidth(kept + character) >= width) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Control characters, line ends of Unicode, and changes of the direction of writing. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** A value may come from anybody: what would control the terminal is written as an escape. */
export function shown(value: string | number | null | undefined): string {
  return String(value ?? '').replaceAll(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
