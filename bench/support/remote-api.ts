/** The other side of the calls of S13 and S14, in a separate process. */
import { once } from 'node:events';
import { join } from 'node:path';
import { forkHelper } from './fork-helper.ts';

/** Since its start. */
export interface ApiCounts {
  requests: number;
  /** Of these, answered 429. */
  refused: number;
  connections: number;
}

export interface RemoteApi extends AsyncDisposable {
  url: string;
  counts(): Promise<ApiCounts>;
}

/**
 * @param options.ms how long it takes for an answer
 * @param options.perSecond the number of requests that it takes in any second; it answers others 429
 */
export async function startRemoteApi(
  signal: AbortSignal,
  { ms = 0, perSecond }: { ms?: number; perSecond?: number },
): Promise<RemoteApi> {
  const limit = perSecond === undefined ? {} : { API_PER_SECOND: String(perSecond) };
  const program = join(import.meta.dirname, 'remote-api-server.ts');
  const { child, end } = forkHelper(program, { API_MS: String(ms), ...limit });
  const [port] = await once(child, 'message', { signal });
  return {
    url: `http://127.0.0.1:${port}/`,
    async counts() {
      const answered = once(child, 'message', { signal });
      child.send('counts');
      const [counts] = await answered;
      return counts;
    },
    [Symbol.asyncDispose]: end,
  };
}
