/** A series over time, drawn by uPlot with the colours of the theme. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { isDark } from '../state/theme.ts';

interface PlotProps {
  title: string;
  /** Seconds since 1970. */
  times: readonly number[];
  values: readonly number[];
  /** A custom property of the style sheet, such as `--c-failed`. */
  color: string;
  kind: 'area' | 'bars';
  format: (value: number) => string;
  /** The text for screen readers: what the plot shows. */
  summary: string;
}

const HEIGHT = 128;
/** Half of the label at the last tick, which is centred below it: `10:59:59.5 PM` is some 82 px wide. */
const RIGHT = 46;

export function Plot({ title, times, values, color, kind, format, summary }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [pointed, setPointed] = useState<number | null>(null);
  const theme = isDark.value;

  // The theme changes the colours that are read here
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const options = optionsOf({ color, kind, format, width: element.clientWidth, onPoint: setPointed });
    const drawn = new uPlot(options, [[], []], element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
    };
  }, [color, kind, theme]);
  // A new plot has no data yet
  useEffect(() => {
    plot.current?.setData([[...times], [...values]]);
  }, [times, values, color, kind, theme]);

  const value = pointed === null ? undefined : values[pointed];
  return (
    <figure class="plot">
      <figcaption>
        {title}
        <span class="plot-value">
          {value === undefined ? summary : `${format(value)} at ${clock(times[pointed as number] as number)}`}
        </span>
      </figcaption>
      <div ref={box} class="plot-canvas" role="img" aria-label={`${title}: ${summary}`} />
    </figure>
  );
}

/** @param isPart with tenths of a second: ticks that are closer would else have the same label */
function clock(seconds: number, isPart = false): string {
  const tenths = isPart ? ({ fractionalSecondDigits: 1 } as const) : {};
  const parts = { hour: 'numeric', minute: '2-digit', second: '2-digit', ...tenths } as const;
  return new Date(seconds * 1_000).toLocaleTimeString(undefined, parts);
}

interface Drawing extends Pick<PlotProps, 'color' | 'kind' | 'format'> {
  width: number;
  onPoint: (index: number | null) => void;
}

function optionsOf({ color, kind, format, width, onPoint }: Drawing): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const tone = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: tone('--text-2'),
    font: `11px ${tone('--sans')}`,
    grid: { stroke: tone('--line'), width: 1 },
    ticks: { show: false },
  };
  const paths =
    kind === 'bars'
      ? uPlot.paths.bars?.({ size: [0.7, 24], radius: 0.2 })
      : uPlot.paths.stepped?.({ align: 1 });
  return {
    width,
    height: HEIGHT,
    padding: [8, RIGHT, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 100,
        values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => clock(tick, step < 1)),
      },
      { ...axis, size: 48, space: 32, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      {
        stroke: tone(color),
        fill: `${tone(color)}${kind === 'bars' ? 'cc' : '1f'}`,
        width: kind === 'bars' ? 0 : 1.5,
        points: { show: false },
        ...(paths ? { paths } : {}),
      },
    ],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  };
}
