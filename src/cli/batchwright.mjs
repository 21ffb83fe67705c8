#!/usr/bin/env node
/** Any Node may run `npx batchwright …`: this starts the project's own Node, which runs TypeScript. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LEAST_NODE = 24;
const FOLDER = dirname(fileURLToPath(import.meta.url));
const NODE_PACKAGE = dirname(createRequire(import.meta.url).resolve('node/package.json'));
const MODULES = dirname(NODE_PACKAGE);

const node = findNode();
if (node === undefined) {
  process.stderr.write(
    `batchwright: it needs Node ${LEAST_NODE}, and this is ${process.version}: the package node, which brings it, has not run its install script. Run npm install-scripts approve node, then npm rebuild node\n`,
  );
  process.exit(1);
}
// TypeScript in a clone, JavaScript in the package.
const main = ['main.js', 'main.ts'].map((file) => join(FOLDER, file)).find(existsSync);
const child = spawn(node, [main, ...process.argv.slice(2)], {
  stdio: 'inherit',
  // Compiling takes half of the time of a short command.
  env: { NODE_COMPILE_CACHE: join(MODULES, '.cache/node'), ...process.env },
});

// Ctrl-C reaches both processes, `kill` only this one. The child decides how it ends, and this process ends like it.
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
// npx waits for a shell, which passes no signal on: `kill` of npx ends the shell alone.
if (process.env.npm_lifecycle_event === 'npx') {
  const shell = process.ppid;
  setInterval(() => process.ppid === shell || child.kill('SIGTERM'), 500).unref();
}
child.on('error', (error) => {
  process.stderr.write(`batchwright: ${error.message}\n`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  for (const name of SIGNALS) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});

/** The one of the package `node`; where install scripts are off it has no binary, and this Node may do. */
function findNode() {
  const own = join(NODE_PACKAGE, 'bin', 'node');
  if (existsSync(own)) return own;
  return Number(process.versions.node.split('.')[0]) >= LEAST_NODE ? process.execPath : undefined;
}
