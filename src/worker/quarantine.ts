/**
 * Messages whose worker died run in a child process, one job after the other, each announced before it
 * starts: so it is known which one ended the process. It is tried again alone, in a fresh process; after
 * three kills it fails, and its neighbours go on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunChunkDeps } from '../pipeline/run-chunk.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import type { Condemned, QuarantineReport, QuarantineTask } from './quarantine-process.ts';

/** CONTRACT: a job that kills its process is failed after three such kills. */
const MAX_KILLS = 3;
const ENTRY = fileURLToPath(new URL('../main.ts', import.meta.url));
/** A process that ends before it has started any job says nothing about jobs: the database may be away. */
const MAX_FAILED_STARTS = 5;

export async function runInQuarantine(
  deps: RunChunkDeps,
  queueName: string,
  claim: Claim<ChunkMessage>,
): Promise<void> {
  const kills = new Map<number, number>();
  const condemned: Condemned[] = [];
  let suspect: number | null = null;
  for (let failedStarts = 0; failedStarts < MAX_FAILED_STARTS; ) {
    const end = await runChild(deps, { queueName, claim, condemned, suspect });
    if (end.done) return;
    if (deps.draining.aborted) throw new Error('the quarantine process ended while the worker was draining');
    if (end.running === null) {
      failedStarts++;
      await delay(500 * failedStarts);
      continue;
    }
    suspect = end.running;
    const count = (kills.get(suspect) ?? 0) + 1;
    kills.set(suspect, count);
    deps.log.warn({ index: suspect, kills: count, how: end.how }, 'a job ended its process');
    if (count >= MAX_KILLS) {
      condemned.push({
        index: suspect,
        message: `the job ${end.how}, ${count} times`,
        attempts: claim.message.attempt + count - 1,
      });
      suspect = null;
    }
  }
  throw new Error('the quarantine process cannot be started');
}

interface ChildEnd {
  /** The message is settled. */
  done: boolean;
  /** The job that ran when the process ended; null for none. */
  running: number | null;
  how: string;
}

async function runChild(deps: RunChunkDeps, task: QuarantineTask): Promise<ChildEnd> {
  const child = fork(ENTRY, ['quarantine'], { serialization: 'advanced' });
  let running: number | null = null;
  let done = false;
  child.on('message', (report: QuarantineReport) => {
    if (report.kind === 'ready') child.send(task, () => {});
    else if (report.kind === 'started') running = report.index;
    else if (report.kind === 'ended') running = null;
    // Not else: under watch mode Node itself reports to whoever forked the process.
    else if (report.kind === 'done') done = true;
  });
  const onDrain = () => child.kill('SIGTERM');
  deps.draining.addEventListener('abort', onDrain, { once: true });
  try {
    const [code, signal] = await ended(child);
    return { done, running, how: howItEnded(code, signal) };
  } finally {
    deps.draining.removeEventListener('abort', onDrain);
  }
}

async function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  // `close` rather than `exit`: by then every report that it sent has been read.
  const [code, signal] = await Promise.race([
    once(child, 'close'),
    once(child, 'error').then(() => [null, null]),
  ]);
  return [code, signal];
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGXCPU') return 'blocked the event loop of its process';
  // V8 aborts at the end of its heap, the watchdog at the limit for the whole process.
  if (signal === 'SIGABRT' || code === 134) return 'exhausted the memory of its process';
  return `ended its process (${signal ?? `exit code ${code}`})`;
}
