/** The first rows, and the params that they become. */

import { useState } from 'preact/hooks';
import { Code } from '../../components/code.tsx';
import { ScrollBox } from '../../components/scroll-box.tsx';
import type { CsvRow } from './read.ts';

interface PreviewProps {
  names: readonly string[];
  rows: readonly CsvRow[];
  params: (cells: readonly string[]) => string;
}

/** Cells of a preview are to be looked at, not read. */
const MOST_CHARACTERS = 200;

export function Preview({ names, rows, params }: PreviewProps) {
  const [chosen, setChosen] = useState(0);
  const row = rows[chosen] ?? rows[0];
  return (
    <section class="section" aria-labelledby="preview-title">
      <div class="section-head">
        <h2 id="preview-title">Preview</h2>
        <span class="muted">the first rows, and what they become</span>
      </div>
      <ScrollBox class="table-box" label="First rows">
        <table class="table">
          <caption class="hidden">First rows</caption>
          <thead>
            <tr>
              <th scope="col">Line</th>
              {names.map((name, n) => (
                <th key={n} scope="col">
                  <bdi class="clip">{name}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ line, cells }, n) => (
              <tr key={line} class={n === chosen ? 'selected' : ''}>
                <td>
                  <button
                    type="button"
                    class="row-button"
                    aria-label={`Show the params of line ${line}`}
                    aria-pressed={n === chosen}
                    onClick={() => setChosen(n)}
                  >
                    {line}
                  </button>
                </td>
                {names.map((_, column) => (
                  <td key={column}>
                    <bdi class="clip">{(cells[column] ?? '').slice(0, MOST_CHARACTERS)}</bdi>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
      {row && (
        <div class="after">
          <Code title={`Params of line ${row.line}`} text={params(row.cells)} />
        </div>
      )}
    </section>
  );
}
