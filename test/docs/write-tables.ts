/** `npm run docs`: writes the parts of documents that are generated from the code, and copies those of Swagger UI. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './pages.ts';
import { swaggerUiCopies } from './swagger-ui-copies.ts';
import { withVariablesTable } from './variables-table.ts';

const path = join(ROOT, 'docs/configuration.md');
await writeFile(path, withVariablesTable(await readFile(path, 'utf8')));

for (const { original, copy } of await swaggerUiCopies()) await copyFile(original, copy);
