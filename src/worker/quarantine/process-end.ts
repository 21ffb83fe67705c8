/** Describes how a process that ran jobs ended, for the result of the job that ended it. */
import type { Readable } from 'node:stream';
import { UNCAUGHT } from './child.ts';

/** The lines of the watchdog, of V8 and of an uncaught exception are among the last. */
const TAIL_LENGTH = 16_384;

/** Passes stderr on and keeps its last part. */
export function passOn(stderr: Readable | null): () => string {
  let tail = '';
  stderr?.setEncoding('utf8');
  stderr?.on('data', (text: string) => {
    process.stderr.write(text);
    tail = (tail + text).slice(-TAIL_LENGTH);
  });
  return () => tail;
}

export function howItEnded(code: number | null, signal: NodeJS.Signals | null, lastWords: string): string {
  if (signal === 'SIGXCPU') return 'blocked the event loop of its process';
  // The watchdog aborts the process at its limit, and V8 when its heap is full; process.abort() has the same
  // signal.
  if (/watchdog: the process used|JavaScript heap out of memory/.test(lastWords))
    return 'exhausted the memory of its process';
  const uncaught = exceptionIn(lastWords);
  if (uncaught !== null) return `threw an uncaught exception (${uncaught})`;
  if (signal === 'SIGABRT' || code === 134) return 'aborted its process (SIGABRT)';
  if (signal === 'SIGKILL')
    return 'had its process killed (SIGKILL, which the system sends when it runs out of memory)';
  return `ended its process (${signal ?? `exit code ${code}`})`;
}

function exceptionIn(lastWords: string): string | null {
  const line = lastWords.split('\n').findLast((text) => text.includes(`"msg":"${UNCAUGHT}`));
  if (line === undefined) return null;
  try {
    return String(JSON.parse(line).msg).slice(UNCAUGHT.length);
  } catch {
    return null;
  }
}
