/**
 * Watches the main thread from its own thread, which runs on while the main thread is blocked. Ends the
 * process when its event loop has not turned for too long, or when its memory exceeds the limit. Plain
 * JavaScript, so that the thread needs no loader and stays small. It counts its own ticks instead of reading
 * a clock, so that a process that was stopped and continued, or a machine that slept, does not count as
 * blocked.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { beats, tickMs, maxBlockedTicks, maxRssBytes } = workerData;
const counter = new Int32Array(beats);
let lastBeat = Atomics.load(counter, 0);
let ticks = 0;

setInterval(() => {
  const beat = Atomics.load(counter, 0);
  ticks = beat === lastBeat ? ticks + 1 : 0;
  lastBeat = beat;
  if (ticks >= maxBlockedTicks) end('SIGXCPU', `the event loop was blocked for ${(ticks * tickMs) / 1000} s`);
  const rss = process.memoryUsage.rss();
  if (rss > maxRssBytes) end('SIGABRT', `the process used ${Math.round(rss / 2 ** 20)} MiB of memory`);
}, tickMs);

/** @param {NodeJS.Signals} signal shows the parent the reason: SIGXCPU for blocked, SIGABRT for memory */
function end(signal, why) {
  writeSync(
    2,
    `${JSON.stringify({ level: 60, time: Date.now(), pid: process.pid, msg: `watchdog: ${why}` })}\n`,
  );
  process.kill(process.pid, signal);
}
