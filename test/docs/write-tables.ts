/** `npm run docs`: writes the parts of documents that are generated from the code, and copies those of Swagger UI. */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './pages.ts';
import { withVariablesTable } from './variables-table.ts';

const path = join(ROOT, 'docs/configuration.md');
await writeFile(path, withVariablesTable(await readFile(path, 'utf8')));

const copies = join(ROOT, 'src/http/openapi/swagger-ui');
for (const file of await readdir(copies))
  await copyFile(join(ROOT, 'node_modules/swagger-ui-dist', file), join(copies, file));
