import { relative } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

/**
 * Runs test files in this process, one after the other, each as a test with the file's path as its name. What a file
 * starts at its top level, it starts when its turn comes, and its `after` hooks run before the next file.
 *
 * @param files absolute paths
 */
export async function runGroup(files: readonly string[]): Promise<void> {
  for (const file of files)
    await test(relative(process.cwd(), file), async () => {
      await import(pathToFileURL(file).href);
    });
}
