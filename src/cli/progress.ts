/** The progress of a batch on standard error: a bar on a terminal, lines elsewhere. */
import type { Options } from 'cli-progress';
import type { Batch } from '../client/index.ts';
import { countsText } from './batch-columns.ts';
import type { Terminal } from './terminal.ts';

export interface Progress {
  update(batch: Batch): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

/** Lines are for logs: one a second at most, and one for each state. */
const LINE_EVERY_MS = 1_000;

export async function showProgress(stderr: Terminal['stderr']): Promise<Progress> {
  return stderr.isTTY ? bar(stderr) : lines(stderr);
}

async function bar(stderr: Terminal['stderr']): Promise<Progress> {
  const { SingleBar } = await import('cli-progress');
  const shown = new SingleBar({
    format: '{bar} {percentage} % | {state} | {counts}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: stderr,
    // The command puts the terminal right itself.
    gracefulExit: false,
  } satisfies Options);
  let isStarted = false;
  return {
    update({ progress, state, counts }) {
      const about = { state, counts: countsText(counts) };
      if (isStarted) shown.update(progress, about);
      else shown.start(100, progress, about);
      isStarted = true;
    },
    stop: () => shown.stop(),
  };
}

function lines(stderr: Terminal['stderr']): Progress {
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastState = '';
  let last = '';
  return {
    update({ progress, state, counts }) {
      const now = performance.now();
      const line = `${state} ${progress} %, jobs ${countsText(counts)}\n`;
      if (line === last || (state === lastState && now - lastAt < LINE_EVERY_MS)) return;
      stderr.write(line);
      lastAt = now;
      lastState = state;
      last = line;
    },
    stop() {},
  };
}
