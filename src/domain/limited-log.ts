import type { Log } from './log.ts';

/** Between two lines of one kind. */
const INTERVAL_MS = 30_000;
/** Kinds told apart at once. Those beyond share a line by their message: some are named by what callers send. */
const MAX_KINDS = 100;

interface Kind {
  /** Occurrences that no line has told of yet. */
  count: number;
  write(count: number): void;
  timer: NodeJS.Timeout;
}

export interface LimitedLine {
  level: keyof Log;
  /** Occurrences of one kind share a line: what is not to be told apart. */
  kind: string;
  /** Of this occurrence, which the line shows as an example; asked for only when there is a line. */
  fields(): object;
  message: string;
}

/**
 * Log lines of what may happen very often: the first of a kind at once, then at most one an interval, with the
 * latest occurrence and in `count` how many there were since the line before.
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

  /** Writes what is left and starts no further timer until the next occurrence; for the end of a process. */
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
