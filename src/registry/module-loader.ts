import { placeOf } from '../domain/files.ts';
import { importPlugin } from './import-plugin.ts';
import { explainLoadError } from './load-error.ts';
import type { LoadWatch } from './load-watch.ts';
import { RegistryError } from './registry-error.ts';

/** Time limit for loading a plugin's file, and for making its routes. */
const LIMIT_MS = 30_000;

export interface LoadOptions {
  /** False for a process that serves no routes: their files are not loaded. */
  hasRoutes?: boolean | undefined;
  /**
   * True for a process that checks hardly any params: it compiles a schema when it is used for the first time. Processes
   * that take batches find wrong schemas and examples.
   */
  areSchemasChecked?: boolean | undefined;
  /** True when the process ends for another reason, which must not be reported here. */
  isStopping?: (() => boolean) | undefined;
  /** True inside a program that is not ours: it ends as it wants. */
  isGuest?: boolean | undefined;
  /** Time limit per file; 30 s when absent. */
  limitMs?: number | undefined;
  /** Called before each file is loaded. */
  watch?: Pick<LoadWatch, 'at'> | undefined;
}

/** Runs the start of a plugin's file. Throws RegistryError, one line that names the file. */
export type Starter = <T>(file: string, work: () => T | Promise<T>) => Promise<T>;

/**
 * The exports of a file. Throws RegistryError, one line that names the file, when it cannot be loaded in
 * time.
 */
export type ModuleLoader = (file: string) => Promise<Record<string, unknown>>;

export function createModuleLoader(options: LoadOptions): ModuleLoader {
  const start = createStarter('loading it', options);
  return (file) => {
    options.watch?.at(placeOf(file));
    return start(file, () => importPlugin(file));
  };
}

/**
 * When a file ends the process while it loads, or waits for something that never comes, no code is left to
 * catch an error: the line is then the last output of the process, and its exit code is 1. A file that waits
 * and keeps the process alive gets the time limit.
 *
 * @param what has not ended when the time is over
 */
export function createStarter(
  what: string,
  { isStopping = () => false, isGuest = false, limitMs = LIMIT_MS }: LoadOptions,
): Starter {
  return async (file, work) => {
    const onExit = () => {
      if (isStopping()) return;
      process.stderr.write(`${placeOf(file)}: the process ended while this file was being loaded\n`);
      process.exitCode = 1;
    };
    // Only this file is still awaited: Node would end the process too, with messages of its own.
    const onIdle = () => process.exit();
    if (!isGuest) process.on('exit', onExit).on('beforeExit', onIdle);
    const late = new Error();
    const { promise: timeOver, reject } = Promise.withResolvers<never>();
    const limit = setTimeout(() => reject(late), limitMs);
    if (!isGuest) limit.unref();
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
