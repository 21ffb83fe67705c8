import type { Postgres } from '../support/postgres.ts';

/** One fault, and the guarantees that must hold. Each is in its own file in `programs/`. */
export interface Program {
  /** `R1` and so on. */
  id: string;
  title: string;
  run(chaos: Chaos): Promise<Finding[]>;
}

/** The environment of a program. */
export interface Chaos {
  /** The program's own server. */
  postgres: Postgres;
  /** The small figure, or the full one with `--full`. */
  scale(full: number, small: number): number;
  /** The duration of the soak with `--minutes`. */
  minutes: number | undefined;
  /** Reports progress to the user. */
  say(line: string): void;
  /** Aborted when the run is interrupted, and when the program takes far too long. */
  signal: AbortSignal;
}

/** A row of the program's table. */
export interface Finding {
  /** What was done, with its figures. */
  done: string;
  must: string;
  /** What was observed. */
  came: string;
  held: boolean;
}
