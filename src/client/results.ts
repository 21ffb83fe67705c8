/** All results of a batch as a stream that goes on after a broken connection. */

import { ConnectionError } from './errors.ts';
import { linesOf } from './lines.ts';
import { batchPath } from './paths.ts';
import type { ResultStatus } from './resources/result.ts';
import { isPassing, pauseMs } from './retry.ts';
import { sleep } from './sleep.ts';
import { type CallOptions, type Transport, withQuery } from './transport.ts';

export interface ResultOptions extends CallOptions {
  /** Only results with this status. */
  status?: ResultStatus | undefined;
  /** Only results with this errorCode, of jobs that have not succeeded. */
  errorCode?: number | undefined;
  /** Likewise the message of the error; of a long one the beginning, as `errors` shows it. */
  message?: string | undefined;
}

const INDEX = /^\{"index":(\d+)/;

/**
 * The JSON texts of the results, in the order of the jobs. After a broken connection the stream goes on behind the
 * last result; it fails after as many failures in a row as the client repeats.
 */
export async function* resultLines(
  transport: Transport,
  asyncId: string,
  options: ResultOptions,
): AsyncGenerator<string> {
  let cursor = 0;
  for (let failures = 0; ; ) {
    try {
      for await (const line of linesFrom(transport, asyncId, { ...options, cursor })) {
        const [, index] = INDEX.exec(line) ?? [];
        if (index === undefined) throw new ConnectionError('a line of the results has no index');
        cursor = Number(index) + 1;
        failures = 0;
        yield line;
      }
      return;
    } catch (error) {
      failures += 1;
      if (!isPassing(error) || failures > transport.maxRetries) throw error;
      await sleep(pauseMs(failures, error), options.signal);
    }
  }
}

async function* linesFrom(
  transport: Transport,
  asyncId: string,
  { signal, cursor, ...filter }: ResultOptions & { cursor: number },
): AsyncGenerator<string> {
  const path = withQuery(`${batchPath(asyncId)}/results`, {
    ...filter,
    cursor: cursor === 0 ? undefined : cursor,
  });
  const headers = { accept: 'application/x-ndjson' };
  const answer = await transport.open({ path, headers, signal });
  // An error of the code that reads the lines passes by, because it is thrown at the yield.
  const lines = linesOf(answer);
  try {
    for (;;) {
      const next = await lines.next().catch((error) => {
        throw answer.explain(error);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    answer.close();
  }
}
