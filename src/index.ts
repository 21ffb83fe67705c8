/** `batchwright`: Batchwright inside another program. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from 'pino';
import type { ConfigOptions } from './config/options.ts';

/** The variables of docs/configuration.md in camel case. The program's own environment is not read. */
export type BatchwrightOptions = ConfigOptions & {
  /**
   * The log of this process; JSON lines on standard output when absent. Workers are processes of their own, and write JSON
   * lines to standard output.
   */
  readonly logger?: Logger | undefined;
};

/** A running Batchwright. */
export interface BatchwrightServer {
  /** Where the API listens, without a slash at the end. */
  readonly url: string;
  /** The key of the operator: the option `adminKey`, or the one that is kept in `dataDir`. */
  readonly adminKey: string;
  /** Its name in the messages of the diagnostics channels, such as `batchwright:batch.ended`. */
  readonly instance: string;
  /**
   * Takes no more requests and jobs, lets those in hand end, and stops the workers and the database, within 25 s. May be
   * called again. Never rejects.
   */
  close(): Promise<void>;
}

/**
 * The context of the program's start. Ours begins in it, so that a span or a request in which `createBatchwright` is called
 * does not become the parent of all that follows.
 */
const atStart = AsyncLocalStorage.snapshot();

/** `await using`, Array.fromAsync and TypeScript in the plugins' folder need it. */
const LEAST_NODE = 24;

/**
 * Starts the API in this process, its workers as processes of their own, and an embedded Postgres when there is no
 * `databaseUrl`. Resolves when the API answers. Installs no signal handlers and never ends the process: call `close` before
 * it ends.
 *
 * A program may run several, each with a port and a `dataDir` of its own. Rejects with an Error that names the option when
 * one is wrong.
 */
export async function createBatchwright(options: BatchwrightOptions = {}): Promise<BatchwrightServer> {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('createBatchwright needs an object of options, or nothing');
  const [major = ''] = process.versions.node.split('.');
  if (Number(major) < LEAST_NODE)
    throw new Error(`createBatchwright needs Node ${LEAST_NODE} or later, this is ${process.version}`);
  const { startInProgram } = await import('./app/in-program.ts');
  return atStart(() => startInProgram(options));
}
