/** got in a separate process: what a program reaches that calls the API itself, without batches and results. */
import { once } from 'node:events';
import { join } from 'node:path';
import { forkHelper } from './fork-helper.ts';

export interface GotAlone extends AsyncDisposable {
  pid: number;
  /** Sends that many requests, `atOnce` at once; resolves to the seconds that it took. */
  run(url: string, requests: number, atOnce: number): Promise<number>;
}

export function startGotAlone(signal: AbortSignal): GotAlone {
  const { child, end } = forkHelper(join(import.meta.dirname, 'got-alone-client.ts'), {});
  return {
    pid: child.pid as number,
    async run(url, requests, atOnce) {
      const done = once(child, 'message', { signal });
      child.send({ url, requests, atOnce });
      const [seconds] = await done;
      return seconds;
    },
    [Symbol.asyncDispose]: end,
  };
}
