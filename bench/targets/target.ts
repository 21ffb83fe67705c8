import type { Engine } from '../engines/engine.ts';

/** A target of the speed table: each stands in a file of its own beside this one. */
export interface Target {
  /** `S1` and so on. */
  id: string;
  title: string;
  /** What is measured and how, for the report. */
  method: string;
  /** Those whose settings the report names. */
  engines?: readonly Engine[];
  measure(bench: Bench): Promise<Row[]>;
}

/** What a target is given to measure with. */
export interface Bench {
  /** The server; whoever needs a database makes one of its own. */
  postgresUrl: string;
  rounds: number;
  /** How many jobs: those of the target, or as many as `--n` says. */
  size(jobs: number): number;
  /** Tells whoever watches how far it is. */
  say(line: string): void;
  /** Aborted when the benchmark is interrupted, and when the target takes far too long. */
  signal: AbortSignal;
}

/** A line of the table. */
export interface Row {
  what: string;
  unit: string;
  /** One figure a round; none when it could not be measured. */
  values: readonly number[];
  /** The figure of each round divided by, or dividing, another's. */
  ratio?: { values: readonly number[]; to: string };
  goal?: Goal;
  /** Why there is no figure. */
  missing?: string;
  /** There should have been one. */
  failed?: boolean;
}

/** Held against the median. */
export interface Goal {
  of: 'figure' | 'ratio';
  least?: number;
  most?: number;
}
