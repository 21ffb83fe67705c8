/** Rows of a list of any length: only those on the screen are in the page. The list scrolls within itself. */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RowWindow } from '../state/window.ts';

export interface RowColumn<Row> {
  title: string;
  /** The title is for screen readers only. */
  isTitleHidden?: boolean;
  /** A track of CSS grid, such as `80px` or `minmax(0, 1fr)`. */
  width: string;
  kind?: 'number';
  /** The least width of the list, in px, at which the column is shown. */
  from?: number;
  cell: (row: Row) => ComponentChildren;
}

interface VirtualRowsProps<Row> {
  /** For screen readers. */
  label: string;
  total: number;
  columns: readonly RowColumn<Row>[];
  rows: RowWindow<Row>;
  isSelected?: (row: Row) => boolean;
}

const ROW_HEIGHT = 36;
/** With its border; the frame of the list is 2 px more. */
const HEAD_HEIGHT = 34;
const MOST_ROWS = 15;
/** Rows above and below the visible ones, so that scrolling shows no gap. */
const SPARE = 8;
/** Browsers stop at some 17 million px: beyond it, a pixel of the scroll bar stands for more than one. */
const MOST_PX = 15_000_000;

export function VirtualRows<Row>({ label, total, columns, rows, isSelected }: VirtualRowsProps<Row>) {
  const box = useRef<HTMLDivElement>(null);
  const [scrollTop, setScrollTop] = useState(0);
  const [width, setWidth] = useState(1_000);
  const visibleRows = Math.min(total, MOST_ROWS);
  const viewport = visibleRows * ROW_HEIGHT;
  const height = Math.min(total * ROW_HEIGHT, MOST_PX);
  // The position of the first visible row, and where it is: the same unless the list is scaled.
  const scale = height > viewport ? (total * ROW_HEIGHT - viewport) / (height - viewport) : 1;
  const virtualTop = Math.min(scrollTop, Math.max(0, height - viewport)) * scale;
  const first = Math.max(0, Math.floor(virtualTop / ROW_HEIGHT) - SPARE);
  const last = Math.min(total - 1, Math.ceil((virtualTop + viewport) / ROW_HEIGHT) + SPARE);

  useEffect(() => rows.show(first, last), [rows.show, first, last]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const shown = columns.filter(({ from = 0 }) => width >= from);
  const tracks = shown.map((column) => column.width).join(' ');
  const positions = Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => first + n);
  return (
    <div
      ref={box}
      class="rows"
      role="table"
      // It scrolls by itself: the reason is that of ScrollBox. A grid would need no exception, but its own arrow keys.
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls
      tabIndex={0}
      aria-label={label}
      aria-rowcount={total + 1}
      style={{ height: `${HEAD_HEIGHT + viewport}px` }}
      onScroll={({ currentTarget }) => setScrollTop(currentTarget.scrollTop)}
    >
      <div
        class="rows-head"
        role="row"
        tabIndex={-1}
        aria-rowindex={1}
        style={{ gridTemplateColumns: tracks }}
      >
        {shown.map(({ title, kind, isTitleHidden }) => (
          <span key={title} class={`cell ${kind ?? ''}`} role="columnheader" tabIndex={-1}>
            {isTitleHidden ? <span class="hidden">{title}</span> : title}
          </span>
        ))}
      </div>
      <div class="rows-space" role="rowgroup" style={{ height: `${height}px` }}>
        {positions.map((position) => {
          const row = rows.rowAt(position);
          const top = scrollTop + position * ROW_HEIGHT - virtualTop;
          return (
            <div
              key={position}
              class={`rows-row ${row && isSelected?.(row) ? 'selected' : ''}`}
              role="row"
              tabIndex={-1}
              aria-rowindex={position + 2}
              style={{ top: `${top}px`, height: `${ROW_HEIGHT}px`, gridTemplateColumns: tracks }}
            >
              {row === undefined ? (
                <span class="cell muted missing" role="cell">
                  …
                </span>
              ) : (
                shown.map(({ title, kind, cell }) => (
                  <span key={title} class={`cell ${kind ?? ''}`} role="cell">
                    {cell(row)}
                  </span>
                ))
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
