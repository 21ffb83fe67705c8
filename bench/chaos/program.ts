import type { Postgres } from '../support/postgres.ts';

/** One thing that goes wrong, and what must hold all the same. Each stands in a file of its own in `programs/`. */
export interface Program {
  /** `R1` and so on. */
  id: string;
  title: string;
  run(chaos: Chaos): Promise<Finding[]>;
}

/** What a program is given. */
export interface Chaos {
  /** A server of the program's own. */
  postgres: Postgres;
  /** The small figure, or the full one where `--full` was asked for. */
  scale(full: number, small: number): number;
  /** Tells whoever watches how far it is. */
  say(line: string): void;
  /** Aborted when the run is interrupted, and when the program takes far too long. */
  signal: AbortSignal;
}

/** A line of the program's table. */
export interface Finding {
  /** What was done, with its figures. */
  done: string;
  must: string;
  /** What was seen. */
  came: string;
  held: boolean;
}
