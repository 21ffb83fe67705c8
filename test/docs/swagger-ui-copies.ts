import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './pages.ts';

const FOLDER = join(ROOT, 'src/http/openapi/swagger-ui');
const PACKAGE = join(ROOT, 'node_modules/swagger-ui-dist');
/** It says what the others are, and is ours. */
const OWN = 'README.md';

/** The files of Swagger UI in this project, and those of the package that they are copies of. */
export async function swaggerUiCopies(): Promise<{ file: string; original: string; copy: string }[]> {
  const files = (await readdir(FOLDER)).filter((file) => file !== OWN);
  return files.map((file) => ({ file, original: join(PACKAGE, file), copy: join(FOLDER, file) }));
}
