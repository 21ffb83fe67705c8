/**
 * Loaded into a process before its program: measures the delay of its event loop. It returns the delay since
 * the last request on a socket in the folder BENCH_LOOP_FOLDER.
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 10;

if (isMainThread) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // It records the time between two samples, which equals the resolution when there is no delay.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  const server = createServer((socket) => {
    const { count, max } = histogram;
    socket.end(JSON.stringify({ count, p99: delay(histogram.percentile(99)), max: delay(max) }));
    histogram.reset();
  });
  const { BENCH_LOOP_FOLDER = '.', ROLE } = process.env;
  server.listen(join(BENCH_LOOP_FOLDER, `${ROLE === 'worker' ? 'worker' : 'api'}-${process.pid}`));
  server.unref();
}
