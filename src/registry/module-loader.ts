import { relative } from 'node:path';
import { importPlugin } from './import-plugin.ts';
import { RegistryError } from './registry-error.ts';

/** What a file of `root` exports. Throws RegistryError, one line that names the file, when it cannot be loaded. */
export type ModuleLoader = (root: string, file: string) => Promise<Record<string, unknown>>;

/**
 * A file that ends the process while it is loaded, or that waits for what never comes, leaves nobody to throw to:
 * then the line is the last that the process writes, and its exit code is 1.
 *
 * @param isStopping true when the process ends for another reason, of which nothing needs to be said
 */
export function createModuleLoader(isStopping: () => boolean): ModuleLoader {
  return async (root, file) => {
    const place = relative(root, file);
    const onExit = () => {
      if (isStopping()) return;
      process.stderr.write(`${place}: the process ended while this file was being loaded\n`);
      process.exitCode = 1;
    };
    // Nothing is left to wait for but the file: Node would end too, with lines of its own.
    const onIdle = () => process.exit();
    process.on('exit', onExit).on('beforeExit', onIdle);
    try {
      return await importPlugin(file);
    } catch (error) {
      throw new RegistryError(`${place}: ${messageOf(error)}`, { cause: error });
    } finally {
      process.off('exit', onExit).off('beforeExit', onIdle);
    }
  };
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of TypeScript that cannot be read Node tells the place on the first line of the stack.
  const [, place] = /^\S*?([^/\s]+:\d+)\n/.exec(error.stack ?? '') ?? [];
  return place ? `${place}: ${error.message}` : error.message;
}
