/** The figures as a table: for the terminal, and for RESULTS.md. */
import type { Goal, Row, Target } from '../targets/target.ts';
import { spread } from './statistics.ts';

/** The result of one target. */
export interface Outcome {
  target: Target;
  /** It should have been measured, but could not be. */
  failed: boolean;
  rows: readonly Row[];
}

const HEADINGS = ['#', 'what', 'median', 'min – max', 'ratio (min – max)', 'target', 'met'];

/** In columns, for a wide terminal. */
export function terminalTable(outcomes: readonly Outcome[]): string {
  const lines = [HEADINGS, ...outcomes.flatMap(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = (line: string[]) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return lines.map((line) => text(line).trimEnd()).join('\n');
}

/** All of RESULTS.md; `circumstances` are lines on machine, versions and date. */
export function markdownReport(circumstances: readonly string[], outcomes: readonly Outcome[]): string {
  const row = (line: readonly string[]) => `| ${line.join(' | ')} |`;
  const engines = outcomes.flatMap(({ target }) => target.engines ?? []);
  const settings = new Set(engines.map((engine) => `- **${engine.measured}**: ${engine.settings}.`));
  return [
    '# What `npm run bench` measured',
    'Written by it; run it again rather than edit this. Figures are of one run: the ratios are what counts. What ' +
      'bounds those that are not met, and what was tried, is in [docs/performance.md](../docs/performance.md).',
    circumstances.map((line) => `- ${line}`).join('\n'),
    [row(HEADINGS), row(HEADINGS.map(() => '---')), ...outcomes.flatMap(cells).map(row)].join('\n'),
    '## How it is measured',
    outcomes.map(({ target }) => `- **${target.id}, ${target.title}**: ${target.method}.`).join('\n'),
    '## Settings',
    `${[...settings].join('\n')}\n`,
  ].join('\n\n');
}

function cells({ target, rows }: Outcome): string[][] {
  return rows.map((row) => {
    const figures = spread(row.values);
    const median = figures ? `${number(figures.median)} ${row.unit}` : '–';
    const range = figures ? `${number(figures.min)} – ${number(figures.max)}` : '–';
    return [target.id, row.what, median, range, ratioText(row), goalText(row), row.missing ?? metText(row)];
  });
}

function ratioText({ ratio }: Row): string {
  const figures = ratio && spread(ratio.values);
  if (!figures) return '';
  const { median, min, max } = figures;
  return `${number(median)} × ${ratio.to} (${number(min)} – ${number(max)})`;
}

function goalText({ goal, ratio, unit }: Row): string {
  if (!goal) return '';
  const { of, least, most } = goal;
  const bound = least === undefined ? `≤ ${number(most ?? 0)}` : `≥ ${number(least)}`;
  return `${bound} ${of === 'ratio' ? `× ${ratio?.to}` : unit}`;
}

function metText({ values, ratio, goal }: Row): string {
  if (!goal) return '';
  const figures = spread((goal.of === 'ratio' ? ratio?.values : values) ?? []);
  if (!figures) return '–';
  return isWithin(figures.median, goal) ? 'yes' : 'no';
}

function isWithin(figure: number, { least, most }: Goal): boolean {
  return figure >= (least ?? Number.NEGATIVE_INFINITY) && figure <= (most ?? Number.POSITIVE_INFINITY);
}

/** A whole number from 100 on, with two decimals below 10. */
function number(value: number): string {
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}
