/** A table whose rows may lead somewhere. It scrolls within itself where the screen is too narrow. */
import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** `number` aligns to the end, `grow` takes the room that others leave, `wrap` also breaks lines, `line` cuts them off. */
  kind?: 'number' | 'grow' | 'wrap' | 'line';
  /** The least width of the page, in px, at which the column is shown. */
  from?: 560 | 900 | 1200;
}

interface TableProps<Row> {
  /** For screen readers. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
}

export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    <div class="table-box">
      <table class="table">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, kind, from }) => (
              <th key={title} scope="col" class={classOf(kind, from)}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, cell, kind, from }) => (
                <td key={title} class={classOf(kind, from)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf(kind: string | undefined, from: number | undefined): string {
  return [kind, from && `from-${from}`].filter(Boolean).join(' ');
}
