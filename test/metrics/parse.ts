import { getMetricsFromIterator, type PromMetrics } from 'prom2javascript';

/** A text of Prometheus, read by a parser that is not ours. */
export class Scrape {
  readonly metrics: PromMetrics;

  private constructor(metrics: PromMetrics) {
    this.metrics = metrics;
  }

  /** Rejects for a line that is not in the format. */
  static async read(text: string): Promise<Scrape> {
    return new Scrape(await getMetricsFromIterator(text.split('\n').values()));
  }

  /** The value of a counter or gauge, or the count of a histogram; undefined when there is none. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const found = this.#find(name, labels);
    return found && ('count' in found ? found.count : 'value' in found ? found.value : undefined);
  }

  /** The sum of a histogram. */
  sum(name: string, labels: Record<string, string> = {}): number {
    const found = this.#find(name, labels);
    return found && 'sum' in found && found.sum !== undefined ? found.sum : Number.NaN;
  }

  #find(name: string, labels: Record<string, string>) {
    const data = [...(this.metrics[`batchwright_${name}`]?.data ?? [])];
    return data.find((one) => isSame(one.labels, labels));
  }
}

function isSame(one: Record<string, string>, other: Record<string, string>): boolean {
  const text = (labels: Record<string, string>) => JSON.stringify(Object.entries(labels).toSorted());
  return text(one) === text(other);
}
