/** The actions and findings, as tables: for the terminal, and for CHAOS.md. */
import type { Finding, Program } from './program.ts';

/** The result of one program. */
export interface Outcome {
  program: Program;
  seconds: number;
  findings: readonly Finding[];
}

const HEADINGS = ['what was done', 'must hold', 'what came', 'held'];

export function isHeld({ findings }: Outcome): boolean {
  return findings.length > 0 && findings.every(({ held }) => held);
}

/** One paragraph per finding: the texts are too long for columns. */
export function terminalTable({ findings }: Outcome): string {
  return findings
    .map(
      ({ done, must, came, held }) =>
        `  ${held ? 'held    ' : 'NOT HELD'}  ${done}\n            must: ${must}\n            came: ${came}`,
    )
    .join('\n');
}

/** All of CHAOS.md; `circumstances` are lines on machine, versions and date. */
export function markdownReport(circumstances: readonly string[], outcomes: readonly Outcome[]): string {
  return [
    '# What `npm run chaos` showed',
    'Written by it when it runs as a whole; run it again rather than edit this. One program runs alone as ' +
      '`npm run chaos -- R16`, and is only printed then. Counts are small by default, so that the whole takes ' +
      'less than 40 minutes on two cores; `--full` has the full ones, and `-- R15 --minutes 30` a longer soak. What is checked is read from the API and ' +
      'from the log of the receiver, never from our tables.',
    circumstances.map((line) => `- ${line}`).join('\n'),
    table([['#', 'what is done', 'seconds', 'held'], ...outcomes.map(summary)]),
    ...outcomes.map(
      (outcome) =>
        `## ${outcome.program.id}, ${outcome.program.title}\n\n${table([HEADINGS, ...outcome.findings.map(cells)])}`,
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function summary(outcome: Outcome): string[] {
  const { program, seconds } = outcome;
  return [program.id, program.title, seconds.toFixed(0), isHeld(outcome) ? 'yes' : '**no**'];
}

function cells({ done, must, came, held }: Finding): string[] {
  return [done, must, came, held ? 'yes' : '**no**'];
}

function table([headings = [], ...lines]: string[][]): string {
  const row = (line: readonly string[]) =>
    `| ${line.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [row(headings), row(headings.map(() => '---')), ...lines.map(row)].join('\n');
}
