#!/usr/bin/env node
/** Any Node may run `npx batchwright …`: this starts the project's own Node, which runs TypeScript. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const node = join(dirname(require.resolve('node/package.json')), 'bin', 'node');
const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const { status, error } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
if (error) process.stderr.write(`batchwright: ${error.message}\n`);
process.exit(status ?? 1);
