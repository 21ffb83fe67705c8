/**
 * The figures of forked processes, in the process that forked them. A child that ends takes nothing with it that the
 * parent has seen: counters never fall.
 */
import type { ChildProcess } from 'node:child_process';
import { type Figure, sumOfGrowing } from './figures.ts';

/** Sent by the parent: the child answers with a report. */
export interface FiguresOrder {
  kind: 'figures?';
  /** Repeated in the answer. */
  request: number;
}

/** Sent by a child: as the answer to an order, and every few seconds when it has counted something. */
export interface FiguresReport {
  kind: 'figures';
  request: number | null;
  figures: Figure[];
}

/** A child that does not answer within this time is shown with its last report. */
const ANSWER_MS = 1_000;

interface Child {
  process: ChildProcess;
  last: readonly Figure[];
  answers: Map<number, () => void>;
}

export class ChildFigures {
  readonly #children = new Set<Child>();
  /** Of children that have ended. */
  #ended: readonly Figure[] = [];
  #lastRequest = 0;

  /** Takes the reports of a child until its end. */
  follow(process: ChildProcess): void {
    const child: Child = { process, last: [], answers: new Map() };
    this.#children.add(child);
    process.on('message', (report: FiguresReport) => {
      if (report.kind !== 'figures') return;
      child.last = report.figures;
      if (report.request !== null) child.answers.get(report.request)?.();
    });
    const end = () => {
      if (!this.#children.delete(child)) return;
      this.#ended = sumOfGrowing([this.#ended, child.last]);
      for (const answer of child.answers.values()) answer();
    };
    // All reports have been read when it is closed.
    process.once('close', end);
    process.once('error', end);
  }

  /** Asks every child. Resolves within a second. */
  async read(): Promise<(readonly Figure[])[]> {
    await Promise.all([...this.#children].map((child) => this.#ask(child)));
    return this.lastKnown();
  }

  /** As the children last reported. */
  lastKnown(): (readonly Figure[])[] {
    return [this.#ended, ...[...this.#children].map(({ last }) => last)];
  }

  async #ask({ process, answers }: Child): Promise<void> {
    if (!process.connected) return;
    const request = ++this.#lastRequest;
    const answered = Promise.withResolvers<void>();
    const deadline = setTimeout(answered.resolve, ANSWER_MS);
    answers.set(request, answered.resolve);
    // A child that is gone is noticed by its end.
    process.send({ kind: 'figures?', request } satisfies FiguresOrder, () => {});
    await answered.promise;
    clearTimeout(deadline);
    answers.delete(request);
  }
}
