import { placeOf } from '../domain/files.ts';
import { importPlugin } from './import-plugin.ts';
import { explainLoadError } from './load-error.ts';
import type { LoadWatch } from './load-watch.ts';
import { RegistryError } from './registry-error.ts';

/** How long a plugin's file may take to be loaded, and its routes to be made. */
const LIMIT_MS = 30_000;

export interface LoadOptions {
  /** True when the process ends for another reason, of which nothing needs to be said. */
  isStopping?: (() => boolean) | undefined;
  /** Milliseconds that each file may take; 30 s when absent. */
  limitMs?: number | undefined;
  /** Is told of each file before it is loaded. */
  watch?: Pick<LoadWatch, 'at'> | undefined;
}

/** Does what a plugin's file does as it starts. Throws RegistryError, one line that names the file. */
export type Starter = <T>(file: string, work: () => T | Promise<T>) => Promise<T>;

/** What a file exports. Throws RegistryError, one line that names the file, when it cannot be loaded in time. */
export type ModuleLoader = (file: string) => Promise<Record<string, unknown>>;

export function createModuleLoader(options: LoadOptions): ModuleLoader {
  const start = createStarter('loading it', options);
  return (file) => {
    options.watch?.at(placeOf(file));
    return start(file, () => importPlugin(file));
  };
}

/**
 * A file that ends the process while it starts, or that waits for what never comes, leaves nobody to throw to:
 * then the line is the last that the process writes, and its exit code is 1. One that waits and keeps the process
 * alive has so much time.
 *
 * @param what has not ended, when the time is over
 */
export function createStarter(
  what: string,
  { isStopping = () => false, limitMs = LIMIT_MS }: LoadOptions,
): Starter {
  return async (file, work) => {
    const onExit = () => {
      if (isStopping()) return;
      process.stderr.write(`${placeOf(file)}: the process ended while this file was being loaded\n`);
      process.exitCode = 1;
    };
    // Nothing is left to wait for but the file: Node would end too, with lines of its own.
    const onIdle = () => process.exit();
    process.on('exit', onExit).on('beforeExit', onIdle);
    const late = new Error();
    const { promise: timeOver, reject } = Promise.withResolvers<never>();
    const limit = setTimeout(() => reject(late), limitMs).unref();
    try {
      return await Promise.race([work(), timeOver]);
    } catch (error) {
      const reason =
        error === late
          ? `${what} has not ended after ${limitMs / 1000} s: it waits for something that does not happen`
          : explainLoadError(error, file);
      throw new RegistryError(`${placeOf(file)}: ${reason}`, { cause: error });
    } finally {
      clearTimeout(limit);
      process.off('exit', onExit).off('beforeExit', onIdle);
    }
  };
}
