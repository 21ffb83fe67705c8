import type { Engine } from '../engines/engine.ts';

/** A target of the speed table; each is in its own file in this folder. */
export interface Target {
  /** `S1` and so on. */
  id: string;
  title: string;
  /** What is measured and how, for the report. */
  method: string;
  /** The engines whose settings the report shows. */
  engines?: readonly Engine[];
  measure(bench: Bench): Promise<Row[]>;
}

/** The environment of a measurement. */
export interface Bench {
  /** The server; a target that needs a database creates one. */
  postgresUrl: string;
  rounds: number;
  /** The number of jobs: the target's own, or that of `--n`. */
  size(jobs: number): number;
  /** Reports progress to the user. */
  say(line: string): void;
  /** Aborted when the benchmark is interrupted, and when the target takes far too long. */
  signal: AbortSignal;
}

/** A row of the table. */
export interface Row {
  what: string;
  unit: string;
  /** One figure per round; empty when it could not be measured. */
  values: readonly number[];
  /** The figure of each round divided by, or dividing, another's. */
  ratio?: { values: readonly number[]; to: string };
  goal?: Goal;
  /** Why there is no figure. */
  missing?: string;
  /** True when there should have been one. */
  failed?: boolean;
}

/** Compared with the median. */
export interface Goal {
  of: 'figure' | 'ratio';
  least?: number;
  most?: number;
}
