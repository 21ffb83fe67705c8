import type { Log } from './log.ts';

/** Time between two lines of the same kind. */
const INTERVAL_MS = 30_000;
/**
 * Kinds tracked at once. Further kinds share a line per message, because some kinds come from callers' input.
 */
const MAX_KINDS = 100;

interface Kind {
  /** Occurrences since the last line. */
  count: number;
  write(count: number): void;
  timer: NodeJS.Timeout;
}

export interface LimitedLine {
  level: keyof Log;
  /** Occurrences of the same kind share a line. */
  kind: string;
  /** Fields of this occurrence, shown as an example; called only when a line is written. */
  fields(): object;
  message: string;
}

/**
 * Log lines for frequent events: the first of a kind is written at once, then at most one per interval, with
 * the latest occurrence and, in `count`, the number since the line before.
 */
export class LimitedLog {
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Log, intervalMs = INTERVAL_MS) {
    this.#log = log;
    this.#intervalMs = intervalMs;
  }

  note({ level, kind: wanted, fields, message }: LimitedLine): void {
    const kind = this.#kinds.has(wanted) || this.#kinds.size < MAX_KINDS ? wanted : message;
    const write = (count: number) => this.#log[level]({ ...fields(), count }, message);
    const known = this.#kinds.get(kind);
    if (known) {
      known.count++;
      known.write = write;
      return;
    }
    write(1);
    const timer = setInterval(() => this.#next(kind), this.#intervalMs);
    timer.unref();
    this.#kinds.set(kind, { count: 0, write, timer });
  }

  /** Writes what is left and stops the timers, for the end of a process. */
  flush(): void {
    for (const [kind, { timer }] of this.#kinds) {
      this.#next(kind);
      clearInterval(timer);
    }
    this.#kinds.clear();
  }

  #next(name: string): void {
    const kind = this.#kinds.get(name);
    if (!kind) return;
    if (kind.count > 0) {
      kind.write(kind.count);
      kind.count = 0;
    } else {
      clearInterval(kind.timer);
      this.#kinds.delete(name);
    }
  }
}
