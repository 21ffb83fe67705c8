/**
 * Counters and histograms of one process, in the JSON form of prom-client. They are our own, because prom-client takes
 * 50 ms to load and 11 MB: it is loaded by the first scrape, while counting begins with the process. They also take
 * many values at once.
 */

/** A metric as `Registry.getMetricsAsJSON` of prom-client returns it. */
export interface Figure {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram' | 'summary';
  /** How the values of several processes become one. */
  aggregator: 'sum' | 'max' | 'first' | 'omit' | 'average' | 'min';
  values: FigureValue[];
}

export interface FigureValue {
  labels: Record<string, string | number>;
  value: number;
  /** For the series of a histogram, such as `…_bucket`. */
  metricName?: string;
}

interface Named<Label extends string> {
  /** Without the prefix that all have. */
  name: string;
  help: string;
  labels: readonly Label[];
}

/** All names begin with it. */
const PREFIX = 'batchwright_';

export class Counter<Label extends string = never> {
  readonly #named: Named<Label>;
  readonly #values = new Map<string, FigureValue>();

  constructor(named: Named<Label>) {
    this.#named = named;
    if (named.labels.length === 0) this.add(0, {} as Record<Label, string>);
  }

  add(count: number, labels: Record<Label, string>): void {
    const key = keyOf(this.#named.labels, labels);
    const known = this.#values.get(key);
    if (known) known.value += count;
    else this.#values.set(key, { labels, value: count });
  }

  read(): Figure {
    const { name, help } = this.#named;
    return {
      name: `${PREFIX}${name}`,
      help,
      type: 'counter',
      aggregator: 'sum',
      values: [...this.#values.values()].map((value) => ({ ...value })),
    };
  }
}

interface Series {
  labels: Record<string, string>;
  /** How many values each bucket has; the last is for those above all bounds. */
  counts: number[];
  sum: number;
}

export class Histogram<Label extends string> {
  readonly #named: Named<Label> & { bounds: readonly number[] };
  readonly #series = new Map<string, Series>();

  /** @param named.bounds the upper bounds of the buckets, ascending */
  constructor(named: Named<Label> & { bounds: readonly number[] }) {
    this.#named = named;
  }

  /** Returns a function that takes values of these labels, for many at once. */
  of(labels: Record<Label, string>): (value: number) => void {
    const { labels: names, bounds } = this.#named;
    const key = keyOf(names, labels);
    let series = this.#series.get(key);
    if (!series) {
      series = { labels, counts: new Array(bounds.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    const { counts } = series;
    const into = series;
    return (value) => {
      let bucket = 0;
      while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
      counts[bucket] = (counts[bucket] as number) + 1;
      into.sum += value;
    };
  }

  read(): Figure {
    const { name: short, help, bounds } = this.#named;
    const name = `${PREFIX}${short}`;
    const values = [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0;
      const buckets = counts.map((count, position): FigureValue => {
        below += count;
        const le = bounds[position] ?? '+Inf';
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
      });
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: below },
      ];
    });
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}

/** A gauge whose values are read now. */
export function gauge(
  name: string,
  help: string,
  values: readonly { labels?: Record<string, string>; value: number }[],
  aggregator: Figure['aggregator'] = 'sum',
): Figure {
  return {
    name: `${PREFIX}${name}`,
    help,
    type: 'gauge',
    aggregator,
    values: values.map(({ labels = {}, value }) => ({ labels, value })),
  };
}

/** The sums of what only grows: counters and histograms. The rest of a process ends with it. */
export function sumOfGrowing(parts: readonly (readonly Figure[])[]): Figure[] {
  const sums = new Map<string, Figure & { byKey: Map<string, FigureValue> }>();
  for (const figure of parts.flat()) {
    if (figure.aggregator !== 'sum' || (figure.type !== 'counter' && figure.type !== 'histogram')) continue;
    let sum = sums.get(figure.name);
    if (!sum) {
      sum = { ...figure, values: [], byKey: new Map() };
      sums.set(figure.name, sum);
    }
    for (const value of figure.values) {
      const key = `${value.metricName} ${JSON.stringify(value.labels)}`;
      const known = sum.byKey.get(key);
      if (known) known.value += value.value;
      else sum.byKey.set(key, { ...value });
    }
  }
  return [...sums.values()].map(({ byKey, ...figure }) => ({ ...figure, values: [...byKey.values()] }));
}

function keyOf<Label extends string>(names: readonly Label[], labels: Record<Label, string>): string {
  const [first] = names;
  if (first === undefined) return '';
  return names.length === 1 ? labels[first] : names.map((name) => labels[name]).join('\n');
}
