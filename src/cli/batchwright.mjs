#!/usr/bin/env node
/** Any Node may run `npx batchwright …`: this starts the project's own Node, which runs TypeScript. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const node = join(dirname(require.resolve('node/package.json')), 'bin', 'node');
const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });

// Ctrl-C reaches both processes, `kill` only this one. The child decides how it ends, and this process ends like it.
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`batchwright: ${error.message}\n`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  for (const name of SIGNALS) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});
