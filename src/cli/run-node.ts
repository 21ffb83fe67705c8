/** Other programs of the product, run in place of the command. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `src` and the actions that are included. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** The folder that the command stands in, when it is not the product's own. */
export function projectFolder(): string | undefined {
  const folder = process.cwd();
  return realpathSync(folder) === realpathSync(ROOT) ? undefined : folder;
}

/** The environment of a start: the project's actions run beside those that are included. */
export function startEnvironment(): NodeJS.ProcessEnv {
  const project = projectFolder() ?? ROOT;
  const isProject = project !== ROOT && existsSync(join(project, 'jobs'));
  const modules = join(process.cwd(), 'node_modules');
  return {
    ...(existsSync(modules) && { NODE_COMPILE_CACHE: join(modules, '.cache/node') }),
    ...process.env,
    ...(isProject && !process.env.PLUGIN_DIR && { PLUGIN_DIR: project }),
  };
}

/**
 * Makes this process run another program with this Node; what it gets from outside, such as signals, is then the
 * program's. Ends the process.
 */
export async function runNode(
  flags: readonly string[],
  program: URL,
  args: readonly string[],
  env = process.env,
) {
  const line = nodeLine(flags, program, args);
  // Node has it on POSIX only.
  if (process.execve) process.execve(process.execPath, [process.execPath, ...line], env);
  const child = spawn(process.execPath, line, { stdio: 'inherit', env });
  const [code] = await once(child, 'exit');
  process.exit(code ?? 1);
}

/** The arguments of Node that run a program. */
export function nodeLine(flags: readonly string[], program: URL, args: readonly string[] = []): string[] {
  return [...flags, fileURLToPath(program), ...args];
}
