import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Log } from '../domain/log.ts';

type Export = Parameters<SpanExporter['export']>;

/** Sends spans to the collector. Logs one line when that begins to fail, and one when it works again. */
export class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #endpoint: string;
  readonly #log: () => Log | undefined;
  #isFailing = false;

  /**
   * @param options.endpoint for the log
   * @param options.log the log, when there is one yet
   */
  constructor(exporter: SpanExporter, { endpoint, log }: { endpoint: string; log: () => Log | undefined }) {
    this.#exporter = exporter;
    this.#endpoint = endpoint;
    this.#log = log;
  }

  export(spans: Export[0], done: Export[1]): void {
    this.#exporter.export(spans, (result) => {
      // 0 is success.
      this.#note(result.code === 0 ? null : (result.error ?? new Error('no reason given')));
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #note(error: Error | null): void {
    if ((error !== null) === this.#isFailing) return;
    this.#isFailing = error !== null;
    const endpoint = this.#endpoint;
    if (error === null) this.#log()?.info({ endpoint }, 'the collector takes spans again');
    else
      this.#log()?.warn(
        { err: error, endpoint },
        'the collector does not take spans: they are dropped until it does',
      );
  }
}
