/** The thread of `load-watch.ts`: each message names the file being loaded. Plain JavaScript: no loader. */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

let timer;

parentPort.on('message', (place) => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const seconds = workerData.limitMs / 1000;
    writeSync(2, `${place}: loading it has blocked the event loop for ${seconds} s: it does not end\n`);
    process.kill(process.pid, 'SIGKILL');
  }, workerData.limitMs);
});
