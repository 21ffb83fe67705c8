/**
 * A process that loads the plugins of a folder; its arguments are the folder and the milliseconds per file.
 */
import { startLoadWatch } from '../../src/registry/load-watch.ts';
import { loadRegistry } from '../../src/registry/registry.ts';

const [, , root = '', limitMs] = process.argv;
const watch = startLoadWatch(Number(limitMs));
await loadRegistry([root], { watch });
await watch.end();
process.stdout.write('loaded\n');
