/** `npm run docs`: writes the parts of documents that are generated from the code. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './pages.ts';
import { withVariablesTable } from './variables-table.ts';

const path = join(ROOT, 'docs/configuration.md');
await writeFile(path, withVariablesTable(await readFile(path, 'utf8')));
