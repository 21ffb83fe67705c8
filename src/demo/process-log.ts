/** What a process writes while it starts. The benchmark reads it in the same way. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface ProcessLog {
  /** Its end, standard error included. */
  text(): string;
  /** Resolves to the match when the log contains it; rejects when the process ends, or the signal aborts, before. */
  says(pattern: RegExp, signal: AbortSignal): Promise<RegExpExecArray>;
}

const MAX_LENGTH = 100_000;

/** @param child with pipes as standard output and standard error */
export function readLog(child: ChildProcess): ProcessLog {
  let text = '';
  const onText = (piece: Buffer) => {
    text = (text + piece.toString()).slice(-MAX_LENGTH);
  };
  child.stdout?.on('data', onText);
  child.stderr?.on('data', onText);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  return {
    text: () => text,
    async says(pattern, signal) {
      for (;;) {
        const found = pattern.exec(text);
        if (found) return found;
        if (hasEnded) throw new Error(`src/main.ts ended: ${text.slice(-2000)}`);
        const next = child.stdout ? once(child.stdout, 'data', { signal }) : ended;
        await Promise.race([next, ended]);
      }
    },
  };
}
