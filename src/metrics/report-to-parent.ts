import type { FiguresOrder, FiguresReport } from './child-figures.ts';
import type { Figure } from './figures.ts';

/**
 * Gives this process's figures to the process that forked it, when asked and at this interval: what was counted since
 * then is lost when this process is killed.
 *
 * @param read called with true when the parent asks
 * @returns sends a report now, before this process ends
 */
export function reportToParent(
  read: (isAsked: boolean) => Promise<Figure[]>,
  everyMs: number,
): () => Promise<void> {
  // A process that has counted nothing reports nothing.
  let last = read(false).then(growing);
  async function report(request: number | null): Promise<void> {
    const figures = await read(request !== null);
    if (request === null && growing(figures) === (await last)) return;
    last = Promise.resolve(growing(figures));
    if (!process.connected) return;
    const sent = Promise.withResolvers<void>();
    // Without a parent the report has no reader, and this process drains.
    process.send?.({ kind: 'figures', request, figures } satisfies FiguresReport, () => sent.resolve());
    await sent.promise;
  }
  process.on('message', (order: FiguresOrder) => {
    if (order.kind === 'figures?') void report(order.request);
  });
  setInterval(() => void report(null), everyMs).unref();
  return () => report(null);
}

function growing(figures: readonly Figure[]): string {
  return JSON.stringify(figures.filter(({ type }) => type !== 'gauge'));
}
